"""Rules that read a caption's language, as it was identified before, and its script."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from wit_builder.errors import ConfigError
from wit_builder.filtering import KEPT, Verdict
from wit_builder.records import HasCaption
from wit_filters.bounds import check_range


@dataclass(frozen=True, slots=True)
class Language:
    """Drops captions whose language is uncertain, or is none of those wanted.

    allowed: codes as the recipe's model writes them ("en", "pt"; GlotLID's are "eng_Latn"); empty allows
        every language.
    min_score: probability, 0 to 1. A caption not yet identified has none, and is uncertain.

    Default: ours; how often the answer is right at 0.4 and more stands in docs/curation.md, by length.

    Drops for: `language_unsure`, `language_unwanted`.
    """

    allowed: tuple[str, ...] = ()
    min_score: float = 0.4

    def __post_init__(self) -> None:
        if not isinstance(self.allowed, tuple):
            raise ConfigError(f"Language.allowed is {self.allowed!r}, expected a tuple of codes")
        for code in self.allowed:
            if not isinstance(code, str) or not _CODE.fullmatch(code):
                raise ConfigError(
                    f"Language.allowed holds {code!r}, expected codes such as 'en' or 'eng_Latn'"
                )
        check_range(self, "min_score", 0, 1)

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        if not item.lang or not item.lang_score >= self.min_score:
            return Verdict("language_unsure", f"{item.lang or 'none'} {item.lang_score:.2f}")
        if self.allowed and item.lang not in self.allowed:
            return Verdict("language_unwanted", item.lang)
        return KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        lang, sure = rows.column("lang"), pc.greater_equal(rows.column("lang_score"), self.min_score)
        wanted = pc.is_in(lang, pa.array(self.allowed)) if self.allowed else pc.not_equal(lang, "")
        return pc.invert(pc.and_(wanted, sure))


@dataclass(frozen=True, slots=True)
class Script:
    """Drops captions written in other scripts than those wanted.

    allowed: scripts by their Unicode names: Latin, Cyrillic, Greek, Arabic, Hebrew, Devanagari, Thai, Han, Hiragana,
        Katakana, Hangul and the other 22 of SCRIPTS. Japanese is written in three of them.
    min_share: of a caption's letters that must be in one of them. A caption without letters stays.

    Default: half of the letters. Ours, without a published source.

    Drops for: `script_unwanted`.
    """

    allowed: tuple[str, ...] = ("Latin",)
    min_share: float = 0.5

    def __post_init__(self) -> None:
        check_range(self, "min_share", 0, 1)
        if not isinstance(self.allowed, tuple) or not self.allowed:
            raise ConfigError(f"Script.allowed is {self.allowed!r}, expected a tuple of scripts")
        for script in self.allowed:
            if script not in SCRIPTS:
                raise ConfigError(f"Script.allowed holds {script!r}, expected some of {', '.join(SCRIPTS)}")

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        text = item.caption[:_WINDOW]
        found = Counter(_script(char) for char in _LETTER.findall(text))
        wanted = sum(found[script] for script in self.allowed)
        if wanted >= self.min_share * found.total():
            return KEPT
        return Verdict("script_unwanted", f"{found.total() - wanted} of {found.total()} letters")


SCRIPTS = (
    *(
        "Latin",
        "Greek",
        "Cyrillic",
        "Armenian",
        "Georgian",
        "Hebrew",
        "Arabic",
        "Syriac",
        "Thaana",
        "Devanagari",
    ),
    *(
        "Bengali",
        "Gurmukhi",
        "Gujarati",
        "Oriya",
        "Tamil",
        "Telugu",
        "Kannada",
        "Malayalam",
        "Sinhala",
        "Thai",
        "Lao",
    ),
    *(
        "Tibetan",
        "Myanmar",
        "Khmer",
        "Mongolian",
        "Ethiopic",
        "Cherokee",
        "Hiragana",
        "Katakana",
        "Bopomofo",
        "Hangul",
    ),
    *("Han", "Canadian"),
)

_CODE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,8})*")
_LETTER = re.compile(r"[^\W\d_]")
_WINDOW = 2_000  # characters; a bound on the work
_WIDTHS = {"FULLWIDTH", "HALFWIDTH", "MODIFIER", "MATHEMATICAL"}  # what a letter's name may begin with


@lru_cache(maxsize=65_536)
def _script(letter: str) -> str:
    """The first word of its Unicode name says it; of ideographs the name begins with CJK."""
    words = unicodedata.name(letter, "UNKNOWN").replace("-", " ").split()
    word = words[1] if words[0] in _WIDTHS and len(words) > 1 else words[0]
    return "Han" if word in ("CJK", "IDEOGRAPHIC") else word.capitalize()
