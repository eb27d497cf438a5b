"""Rules that hold a caption's words against a list that the recipe names by path."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from wit_builder.filtering import KEPT, Verdict
from wit_builder.records import HasCaption
from wit_filters import words
from wit_filters.bounds import check_path, check_range


@dataclass(frozen=True, slots=True)
class CaptionBlockedWords:
    """Drops captions that hold a word or phrase of a list: profanity, brands, boilerplate.

    file: one entry a line, UTF-8, in any language. Entries and captions are compared as whole words, case folded,
    without punctuation around them or a possessive 's; entries in scripts written without spaces are found anywhere.
    max_share: of a caption's words that may be in the list. 0, the default, allows none: COYO-700M drops a text with
    any word of its three lists (README); OBELICS allows a share of 0.01 (flagged_word_ratio_node_level_max_cutoff).
    The list is read once a process. Raises ConfigError for one that cannot be used.

    Drops for: `caption_blocked_word`.
    """

    file: Path
    max_share: float = 0.0

    def __post_init__(self) -> None:
        check_range(self, "max_share", 0, 1)
        check_path(self, "file")
        words.read(self.file)

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        found = list(words.read(self.file).found(item.caption))
        if not found or len(found) <= self.max_share * words.count(item.caption):
            return KEPT
        return Verdict("caption_blocked_word", f"{len(found)} of the list")


@dataclass(frozen=True, slots=True)
class CaptionStopWords:
    """Drops captions with too few of a language's small words: keyword lists, rows of names.

    file: one word a line, compared as `CaptionBlockedWords` does. min_share: of a caption's words that must be in the
    list. Default: OBELICS's for paragraphs (stopword_ratio_node_level_min_cutoff in its
    config_filter_web_documents.yaml: 0.3). Captions are shorter: use it where sentences are wanted.

    Drops for: `caption_stop_words`.
    """

    file: Path
    min_share: float = 0.3

    def __post_init__(self) -> None:
        check_range(self, "min_share", 0, 1)
        check_path(self, "file")
        words.read(self.file)

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        told = words.words(item.caption)
        known = words.read(self.file).known(told)
        if told and known >= self.min_share * len(told):
            return KEPT
        return Verdict("caption_stop_words", f"{known} of {len(told)} words")


@dataclass(frozen=True, slots=True)
class CaptionKnownWords:
    """Drops captions with words that a vocabulary does not hold: codes, misspellings, other languages.

    file: the vocabulary, `word` or `word<TAB>count` a line. min_count: of words that count; CC3M's vocabulary are the
    words seen at least 5 times in English Wikipedia (paper, from memory), CC12M's threshold is 20 (its data card).
    min_share: of a caption's words that must be known; 1.0, the default, as in CC3M and CC12M. OBELICS asks for 0.8
    of paragraphs (common_word_ratio_node_level_min_cutoff). bigrams: neighbouring words must be in the list as a
    phrase, too, as in ALIGN (words and bigrams of the 100 million most frequent; paper, from memory).
    A word without a letter is not looked up.

    Drops for: `caption_rare_word`.
    """

    file: Path
    min_count: int = 0
    min_share: float = 1.0
    bigrams: bool = False

    def __post_init__(self) -> None:
        check_range(self, "min_count", 0)
        check_range(self, "min_share", 0, 1)
        check_path(self, "file")
        words.read(self.file, self.min_count)

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        told = [word for word in words.words(item.caption) if any(map(str.isalpha, word))]
        if self.bigrams:
            told += [f"{a} {b}" for a, b in pairwise(told)]
        known = words.read(self.file, self.min_count)
        missing = [word for word in told if word not in known.entries]
        if len(told) - len(missing) >= self.min_share * len(told):
            return KEPT
        return Verdict("caption_rare_word", f"{missing[0][:60]}, {len(missing)} of {len(told)}")
