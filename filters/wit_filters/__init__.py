"""The house rules: which captions, addresses and pictures are worth keeping. One family to a file.

Every rule is a frozen value that is called with one item and answers a `Verdict`; those that ask a model judge
many items at once. The type of its argument says what it reads, so a rule of pictures cannot be put where nothing
is downloaded yet. The catalogue, with defaults and their sources, is filters/README.md; `presets` has the rules of
published data sets.
"""

from wit_filters.caption import (
    CaptionFileName,
    CaptionLength,
    CaptionLetters,
    CaptionRepetition,
    CaptionUrl,
)
from wit_filters.image import (
    ImageAlpha,
    ImageAnimated,
    ImageArea,
    ImageAspect,
    ImageBytes,
    ImageDetail,
    ImageFormat,
    ImageSize,
)
from wit_filters.language import Language, Script
from wit_filters.model import Aesthetic, ClipPrompts, ClipScore, Nsfw
from wit_filters.noise import CaptionCounter, CaptionMarkup, CaptionNgrams, CaptionSymbols
from wit_filters.speech import CaptionParts
from wit_filters.url import UrlExtension, UrlHolds, UrlIcon
from wit_filters.vocabulary import CaptionBlockedWords, CaptionKnownWords, CaptionStopWords

__all__ = [
    "Aesthetic",
    "CaptionBlockedWords",
    "CaptionCounter",
    "CaptionFileName",
    "CaptionKnownWords",
    "CaptionLength",
    "CaptionLetters",
    "CaptionMarkup",
    "CaptionNgrams",
    "CaptionParts",
    "CaptionRepetition",
    "CaptionStopWords",
    "CaptionSymbols",
    "CaptionUrl",
    "ClipPrompts",
    "ClipScore",
    "ImageAlpha",
    "ImageAnimated",
    "ImageArea",
    "ImageAspect",
    "ImageBytes",
    "ImageDetail",
    "ImageFormat",
    "ImageSize",
    "Language",
    "Nsfw",
    "Script",
    "UrlExtension",
    "UrlHolds",
    "UrlIcon",
]
