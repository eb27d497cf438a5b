"""The rules of a recipe whose user gave none of their own: a preset's, and what is asked besides."""

from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from wit_builder.curation.settings import Duplicates
from wit_builder.errors import ConfigError
from wit_builder.preset import NO_FILES, Files, Preset
from wit_builder.text.language import codes
from wit_filters.image import ImageSize
from wit_filters.language import Language
from wit_filters.presets import NO_LIMIT, PRESETS

Name = Literal[
    "wit", "cc3m", "cc12m", "align", "laion-400m", "laion-5b", "coyo-700m",
    "datacomp-basic", "datacomp-laion2b", "datacomp-clip", "obelics", "metaclip",
]  # fmt: skip


def of(preset: Name, given: tuple[str, ...]) -> Preset:
    """The preset of that name. given: `NAME=PATH` for each of Files that it needs.

    Raises ConfigError for what is no such file, or of no use to the preset.
    """
    files = Files.named(given)
    wanting = PRESETS[preset](NO_FILES).wanting
    for name in ("tagger", "vocabulary", "profanity", "clip"):
        if getattr(files, name) is not None and name not in wanting:
            needs = ", ".join(sorted(wanting)) or "none"
            raise ConfigError(f"--given {name}: the preset {preset} has no use for it, it needs {needs}")
    return PRESETS[preset](files)


def of_candidates(preset: Preset, languages: tuple[str, ...], model: Path | None) -> tuple[Any, ...]:
    """Before the download. languages: those to keep, all when empty. model: that tells them, None for the bundled.

    Raises ConfigError for a language that the model does not tell.
    """
    known = codes(model) if languages else []
    for code in languages:
        if code not in known:
            near = [one for one in known if code.lower().startswith(one)] or get_close_matches(code, known, 3)
            raise ConfigError(
                f"--languages {code!r} is no language that {model or 'lid.176'} tells; those near it: "
                f"{', '.join(near) or 'none'}",
                f"--languages {near[0]}" if near else None,
            )
    return (*preset.candidate_filters, *((Language(allowed=languages),) if languages else ()))


def of_samples(preset: Preset, min_side: int | None) -> tuple[Any, ...]:
    """After the download. min_side: pixels that the shorter side of the original must have, None: as the preset."""
    own = preset.sample_filters
    if min_side is None:
        return own
    if not any(isinstance(rule, ImageSize) for rule in own):
        return ImageSize(min_side=min_side, max_side=NO_LIMIT), *own
    return tuple(replace(rule, min_side=min_side) if isinstance(rule, ImageSize) else rule for rule in own)


def of_duplicates(preset: Preset, near_duplicates: int | None) -> Duplicates:
    """near_duplicates: bits in which two pictures may differ and still be one; -1 keeps them, None: as the preset."""
    if near_duplicates is None:
        return preset.duplicates
    return replace(preset.duplicates, radius=None if near_duplicates == -1 else near_duplicates)
