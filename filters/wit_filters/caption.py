"""Rules that read a caption: is this a text that says what a picture shows?"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from wit_builder.filtering import KEPT, Verdict
from wit_builder.records import HasCaption
from wit_builder.text.normalize import is_file_name
from wit_filters import words
from wit_filters.bounds import check_order, check_range
from wit_filters.scanned import MOST_COMPARED, scanned


@dataclass(frozen=True, slots=True)
class CaptionLength:
    """Drops captions too short to describe a picture, or too long to be about one.

    Words are split at whitespace. Characters of scripts written without spaces are taken out first and
    counted apart: two characters of Han or kana are a word, and so are four of Thai, Lao, Khmer, Myanmar or
    Tibetan. Characters are code points; against `min_chars` those of Han, kana and Hangul count twice, as one
    of them says about as much as two letters.

    Defaults: `min_words` 2 and `min_chars` 6 are those of DataComp's image-based baseline (`caption_filter`
    in baselines/apply_filter.py: more than 1 word, more than 5 characters; words there are fastText's). Its
    basic filter asks for one word more (more than 2, split at whitespace) and for as many characters.
    `max_words` 256 and `max_chars` 1000 are COYO-700M's (README).

    Drops for: `caption_few_words`, `caption_few_chars`, `caption_long`.
    """

    min_words: int = 2
    min_chars: int = 6
    max_words: int = 256
    max_chars: int = 1000

    def __post_init__(self) -> None:
        for field in ("min_words", "min_chars", "max_words", "max_chars"):
            check_range(self, field, 0)
        check_order(self, "min_words", "max_words")
        check_order(self, "min_chars", "max_chars")

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        text = item.caption
        if len(text) > self.max_chars:  # first: it bounds the work of all that follows
            return Verdict("caption_long", f"{len(text)} characters")
        if (many := words.count(text)) > self.max_words:
            return Verdict("caption_long", f"{many} words")
        if many < self.min_words:
            return Verdict("caption_few_words", f"{many} words")
        if (chars := words.weight(text)) < self.min_chars:
            return Verdict("caption_few_chars", f"{chars} characters")
        return KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        of = scanned(rows.column("caption"))
        many_or_few = (of.words < self.min_words) | (of.words > self.max_words)
        return of.odd | many_or_few | (of.chars < self.min_chars) | (of.chars > self.max_chars)


@dataclass(frozen=True, slots=True)
class CaptionFileName:
    """Drops captions that are the name of a file: what a camera or an upload form wrote, not a person.

    What counts is written at `wit_builder.text.normalize.is_file_name`. Ours, without a published source.

    Drops for: `caption_file_name`.
    """

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        if is_file_name(item.caption):
            return Verdict("caption_file_name", item.caption[:100])
        return KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        return pc.match_substring_regex(rows.column("caption"), r"^[^ ]*$|\.[^ .]{2,5}$")


@dataclass(frozen=True, slots=True)
class CaptionUrl:
    """Drops captions that are addresses: URLs, e-mail addresses, bare host names.

    A caption goes when it holds a URL or an e-mail address and fewer than `min_other_words` words besides
    (words as in `CaptionLength`, those without a letter left out), so a title with a long credit line stays.
    A bare host name ("example.org") counts only where it is the whole caption and ends in a common top-level
    domain. Ours, without a published source: of 2,068 real alts it drops 25, all of them addresses or names
    of web sites.

    Drops for: `caption_url`.
    """

    min_other_words: int = 2

    def __post_init__(self) -> None:
        check_range(self, "min_other_words", 1)

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        text = item.caption[:_ADDRESS_WINDOW]
        if _BARE_HOST.fullmatch(text):
            return Verdict("caption_url", text[:100])
        if not any(mark in text for mark in _ADDRESS_MARKS) or (found := _ADDRESS.search(text)) is None:
            return KEPT
        others = [word for word in _ADDRESS.sub(" ", text).split() if any(map(str.isalpha, word))]
        if words.count(" ".join(others)) >= self.min_other_words:
            return KEPT
        return Verdict("caption_url", found[0][:100])

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        captions = rows.column("caption")
        space = pc.find_substring(captions, " ")  # none of a bare host
        marked = pc.match_substring_regex(captions, "|".join(map(re.escape, _ADDRESS_MARKS)))
        return pc.or_(marked, pc.or_(pc.less(space, 0), pc.greater_equal(space, _ADDRESS_WINDOW)))


@dataclass(frozen=True, slots=True)
class CaptionLetters:
    """Drops captions that hardly hold a letter: prices, dates, sizes, rows of stars.

    Counted is the share of letters (and the vowel signs of Indic and other scripts) among all characters but
    spaces. Ours, without a published source; OBELICS asks the same of its texts from the other side (special
    characters at most 0.3).

    Drops for: `caption_no_letters`.
    """

    min_share: float = 0.3

    def __post_init__(self) -> None:
        check_range(self, "min_share", 0, 1)

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        text = item.caption
        letters = sum(map(str.isalpha, text))
        if not text.isascii():
            letters += sum(unicodedata.category(c)[0] == "M" for c in text)
        ink = _ink(text)
        if letters and letters >= self.min_share * ink:
            return KEPT
        return Verdict("caption_no_letters", f"{letters} letters in {ink} characters")

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        of = scanned(rows.column("caption"))
        return (of.letters == 0) | (of.letters < self.min_share * of.ink)


@dataclass(frozen=True, slots=True)
class CaptionRepetition:
    """Drops captions that say the same again and again: "Logo Logo Logo", "aaaaaaaaaaa".

    Two counts: the share of different words among the first `window` (punctuation and case apart; scripts without
    spaces give their pairs of neighbouring characters), and the longest run of one character. Long honest
    texts repeat their small words, hence the window and the low default: at 0.4 none of 2,068 real alts, none
    of 4,000 photo captions in four languages and 2 of 7,208 textbook descriptions are dropped. Ours, without
    a published source. CC12M allows a fraction of 0.2 repeated words: min_distinct=0.8, window=256.

    Drops for: `caption_repetitive`.
    """

    min_distinct: float = 0.4
    max_run: int = 10
    window: int = 40

    def __post_init__(self) -> None:
        check_range(self, "min_distinct", 0, 1)
        check_range(self, "max_run", 1)
        check_range(self, "window", 1, 1_000)

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        text = item.caption[:_REPETITION_WINDOW]
        for run in _RUN.finditer(text):
            if len(run[0]) > self.max_run:
                return Verdict("caption_repetitive", f"{run[0][0]!r} {len(run[0])} times in a row")
        pieces = _pieces(text, self.window)
        if pieces and len(set(pieces)) < self.min_distinct * len(pieces):
            return Verdict("caption_repetitive", f"{len(set(pieces))} different of {len(pieces)}")
        return KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        of = scanned(rows.column("caption"))
        long = (of.words > min(self.window, MOST_COMPARED)) | (of.chars > _REPETITION_WINDOW)
        return of.odd | long | (of.run > self.max_run) | (of.distinct < self.min_distinct * of.words)


_RUN = re.compile(r"(\S)\1{2,}")
_REPETITION_WINDOW = 4_000  # characters; a bound on the work

_ADDRESS_WINDOW = 2_000  # characters; a bound on the work
_ADDRESS_MARKS = ("://", "@", "www.", "WWW.", "Www.")
_ADDRESS = re.compile(
    r"(?:\bhttps?://|\bwww\.)\S+|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}", re.IGNORECASE
)
_COMMON_TOP_LEVEL = (
    "com|org|net|info|biz|edu|gov|int|mil|io|co|tv|app|dev|blog|shop|online|news|media|wiki|museum|eu|"
    "ar|at|au|be|bg|br|ca|ch|cl|cn|cz|de|dk|ee|es|fi|fr|gr|hk|hr|hu|ie|il|in|ir|it|jp|kr|lt|lu|lv|mx|nl|no|nz|"
    "pe|pl|pt|ro|rs|ru|se|sg|si|sk|th|tr|tw|ua|uk|us|vn|za"
)
_BARE_HOST = re.compile(
    rf"[a-z0-9][a-z0-9-]{{1,62}}(?:\.[a-z0-9-]{{2,63}}){{0,4}}\.(?:{_COMMON_TOP_LEVEL})(?:/\S*)?",
    re.IGNORECASE,
)


def _ink(text: str) -> int:
    return len(text) - sum(map(str.isspace, text))


def _pieces(text: str, window: int) -> list[str]:
    unspaced = [] if text.isascii() else words.UNSPACED.findall(text)
    spaced = words.UNSPACED.sub(" ", text) if unspaced else text
    told = [word for raw in spaced.casefold().split() if (word := raw.strip(words.PUNCTUATION))]
    return (told + [a + b for a, b in pairwise(unspaced)])[:window]
