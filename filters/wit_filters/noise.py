"""Rules against captions that a machine wrote or left broken: markup, counters, signs, the same pieces again."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from wit_builder.filtering import KEPT, Verdict
from wit_builder.records import HasCaption
from wit_filters import words
from wit_filters.bounds import check_range

_WINDOW = 4_000  # characters that are looked at; a bound on the work


@dataclass(frozen=True, slots=True)
class CaptionMarkup:
    """Drops captions with markup left in them: a text that nobody has seen as it stands.

    HTML tags and entities (`<b>`, `&amp;`, `&#39;`), BBCode (`[img]`, `[/url]`), WordPress short codes
    (`[caption id=`), wiki links and templates (`[[File:`, `{{cite`), place holders of template languages
    (`{{ title }}`, `{% if`, `${name}`, `<%=`, `%%title%%`). Ours, without a published source.

    Drops for: `caption_markup`.
    """

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        found = _MARKUP.search(item.caption[:_WINDOW])
        return KEPT if found is None else Verdict("caption_markup", found[0][:100])

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        return pc.match_substring_regex(rows.column("caption"), r"[<\[{}]|&[^ ;]+;|%[>%]|'''")


@dataclass(frozen=True, slots=True)
class CaptionCounter:
    """Drops captions that are nothing but a date, a time or a place in a row.

    "2019-05-04 12:33", "4 May 2019", "Photo 3 of 12", "page 7", "1/24", "Bild 2 von 8", "Figure 3.2": a number, and
    besides it only separators, names of months, and words such as photo, page, of, no. in ten languages. Ours,
    without a published source.

    Drops for: `caption_counter`.
    """

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        text = item.caption
        if len(text) <= 60 and _COUNTER.fullmatch(text) and any(map(str.isdigit, text)):
            return Verdict("caption_counter", text)
        return KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        captions = rows.column("caption")
        counter = pc.match_substring_regex(captions, _ASCII_COUNTER)
        other = pc.match_substring_regex(captions, _OTHER_DIGITS)
        return pc.or_(counter, other)


@dataclass(frozen=True, slots=True)
class CaptionSymbols:
    """Drops captions with too many special characters.

    These are all but letters and the vowel signs of some scripts: digits, punctuation, emoji, spaces, as in OBELICS.
    Default: OBELICS allows a share of 0.3 of a text's characters (special_character_ratio_node_level_max_cutoff in
    its config_filter_web_documents.yaml).

    Drops for: `caption_symbols`.
    """

    max_share: float = 0.3

    def __post_init__(self) -> None:
        check_range(self, "max_share", 0, 1)

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        text = item.caption[:_WINDOW]
        special = len(text) - len(_LETTER.findall(text))
        if special > self.max_share * len(text):
            return Verdict("caption_symbols", f"{special} of {len(text)} characters")
        return KEPT


@dataclass(frozen=True, slots=True)
class CaptionNgrams:
    """Drops captions in which the same pieces return, by OBELICS's two measures.

    Of runs of `char_length` characters: the share that the most frequent ones have, as many of them as the root of
    how many differ, and at most those that return. Of runs of `word_length` words: the share of those that return.
    Texts shorter than a run have none. Defaults are OBELICS's for paragraphs (character_repetition_* and
    word_repetition_*_node_level in its config_filter_web_documents.yaml).

    Drops for: `caption_ngrams`.
    """

    char_length: int = 10
    max_char_share: float = 0.1
    word_length: int = 5
    max_word_share: float = 0.1

    def __post_init__(self) -> None:
        for field in ("char_length", "word_length"):
            check_range(self, field, 1, 100)
        for field in ("max_char_share", "max_word_share"):
            check_range(self, field, 0, 1)

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        text = item.caption[:_WINDOW]
        chars = _frequencies(text, self.char_length)
        often = min(isqrt(len(chars)), sum(n > 1 for n in chars))
        if chars and (share := sum(chars[:often]) / sum(chars)) > self.max_char_share:
            return Verdict("caption_ngrams", f"{share:.2f} of the runs of {self.char_length} characters")
        told = _frequencies(words.words(text), self.word_length)
        if told and (share := sum(n for n in told if n > 1) / sum(told)) > self.max_word_share:
            return Verdict("caption_ngrams", f"{share:.2f} of the runs of {self.word_length} words")
        return KEPT


_MARKUP = re.compile(
    r"</?[A-Za-z][A-Za-z0-9]{0,15}(?:\s[^<>]{0,300})?/?>|<!--|<%|%>"
    r"|&(?:[A-Za-z]{2,12}|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});"
    r"|\[/[bius]\]|\[/?(?:img|url|quote|code|size|color|center|list|video|youtube|spoiler)(?:=[^\[\]]{0,300})?\]"
    r"|\[/?(?:caption|gallery|embed|audio|playlist)(?:\s[^\[\]]{0,300})?\]"
    r"|\[\[[^\[\]]{1,300}\]\]|'''|\{\{|\}\}|\{%|%\}|\$\{[^{}\s]{1,100}\}|%%[\w.]{1,60}%%",
    re.IGNORECASE,
)
_LETTER = re.compile(
    r"[^\W\d_]|[\u0300-\u036f\u0900-\u0903\u093a-\u094f\u0980-\u0dff\u0e30-\u0eff\u1000-\u109f\u17b4-\u17d3]"
)
_KINDS = (
    "image|images|img|photo|photos|foto|fotos|picture|pictures|pic|bild|bilder|imagen|imagem|immagine|afbeelding|obraz|"
    "zdjęcie|изображение|фото|рисунок|рис|画像|写真|图片|page|pages|seite|página|pagina|strona|стр|slide|slides|folie|figure|fig|"
    "figura|abbildung|abb|thumbnail|thumb|item|part|step|gallery|galerie|view|screenshot"
)
_LINKS = "of|von|de|di|van|z|из|sur|and|und|et|y|e|to|bis|no|nr|num|number|at|um|the|on|uhr|am|pm|a|utc|gmt"
_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december|januar|februar|märz|mai|juni|"
    "juli|oktober|dezember|janvier|février|mars|avril|juin|juillet|août|septembre|octobre|novembre|décembre|enero|"
    "febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|janeiro|fevereiro|março|maio|"
    "junho|julho|setembro|outubro|novembro|dezembro|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|"
    "dicembre|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|okt|nov|dec|dez"
)
_COUNTER = re.compile(
    rf"(?:(?:{_KINDS}|{_LINKS}|{_MONTHS})(?![^\W\d_])|\d{{1,8}}(?:st|nd|rd|th|[tz](?![^\W\d_]))?|[\s.,:;/#()\[\]|_\-–—+№°年月日枚])+",
    re.IGNORECASE,
)

# The same in the words of RE2, which looks at nothing ahead, for ASCII; and a digit among other characters, or one of
# them: what has none of these categories, for Python may know newer digits than RE2.
_ASCII_COUNTER = (
    rf"^(?i:{_KINDS}|{_LINKS}|{_MONTHS}|[0-9]{{1,8}}(?:st|nd|rd|th|[tz])?|[\x00-\x20.,:;/#()\[\]|_\-+])+$"
)
_OTHER_DIGITS = r"(?s)[0-9].*[^\x00-\x7f]|[^\x00-\x7f].*[0-9]|[^\x00-\x7f\pL\pM\pP\pS\pZ\pC]"


def _frequencies(units: Sequence[str] | str, length: int) -> list[int]:
    """How often each run of so many units occurs, the most frequent first."""
    runs: Counter[object] = Counter(
        units[at : at + length] if isinstance(units, str) else tuple(units[at : at + length])
        for at in range(len(units) - length + 1)
    )
    return sorted(runs.values(), reverse=True)
