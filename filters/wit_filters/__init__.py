"""The house rules: which captions, addresses and pictures are worth keeping. One family to a file.

Every rule is a frozen value that is called with one item and answers a `Verdict`; those that ask a model judge
many items at once. The type of its argument says what it reads, so a rule of pictures cannot be put where nothing
is downloaded yet. The catalogue, with defaults and their sources, is filters/README.md.
"""

from wit_filters.caption import (
    CaptionFileName,
    CaptionLength,
    CaptionLetters,
    CaptionRepetition,
    CaptionUrl,
)
from wit_filters.image import ImageAspect, ImageBytes, ImageDetail, ImageSize
from wit_filters.language import Language
from wit_filters.model import Aesthetic, ClipScore, Nsfw
from wit_filters.url import UrlExtension, UrlIcon

__all__ = [
    "Aesthetic",
    "CaptionFileName",
    "CaptionLength",
    "CaptionLetters",
    "CaptionRepetition",
    "CaptionUrl",
    "ClipScore",
    "ImageAspect",
    "ImageBytes",
    "ImageDetail",
    "ImageSize",
    "Language",
    "Nsfw",
    "UrlExtension",
    "UrlIcon",
]
