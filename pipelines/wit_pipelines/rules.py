"""Rules that lose little, for recipes whose user gave none of their own."""

import re
from typing import Any

from wit_builder.errors import ConfigError
from wit_filters.caption import (
    CaptionFileName,
    CaptionLength,
    CaptionLetters,
    CaptionRepetition,
    CaptionUrl,
)
from wit_filters.image import ImageAspect, ImageDetail, ImageSize
from wit_filters.language import Language
from wit_filters.url import UrlExtension, UrlIcon


def of_candidates(languages: tuple[str, ...]) -> tuple[Any, ...]:
    """Before the download. languages: those to keep, all when empty. Raises ConfigError for what is no code."""
    for code in languages:
        if not re.fullmatch("[a-z]{2,3}", code):
            raise ConfigError(f"--languages {code!r} is no ISO 639 code", "--languages en --languages de")
    return (
        UrlExtension(),
        UrlIcon(),
        CaptionLength(),
        CaptionFileName(),
        CaptionUrl(),
        CaptionLetters(),
        CaptionRepetition(),
        *((Language(allowed=languages),) if languages else ()),
    )


def of_samples(min_side: int) -> tuple[Any, ...]:
    """After the download. min_side: pixels that the shorter side of the original must have."""
    return ImageSize(min_side=min_side), ImageAspect(), ImageDetail()
