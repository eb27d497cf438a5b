"""What a list of queries is made of."""

from dataclasses import dataclass

from wit_builder.errors import ConfigError

ORDER = ("words", "bigrams", "titles", "wordnet", "metaclip")  # an entry is credited to the first that has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The sources of a list and their thresholds.

    Defaults are CLIP's where its paper has a number (section 2.2, footnote 1: words that occur at least 100 times
    in the English Wikipedia, bigrams of high pointwise mutual information, names of articles above a search
    volume, WordNet's synsets that are not in the list yet). Paths, URLs, folders and globs in each.

    Raises ConfigError where there is no source, or a number is out of its range.
    """

    corpus: tuple[str, ...] = ()  # plain text or WET archives: words and bigrams
    words: tuple[str, ...] = ()  # ready counts: word TAB count
    titles: tuple[str, ...] = ()  # Wikimedia's pageviews: project title views bytes
    wordnet: tuple[str, ...] = ()  # its dict folder, LMF XML, or a lemma a line
    metaclip: tuple[str, ...] = ()  # metadata.json
    min_count: int = 100  # of a word; CLIP's
    bigram_min_count: int = 100  # ours: as of a word
    bigram_min_npmi: float = 0.5  # -1 to 1; ours, measured (docs/benchmarks.md)
    title_min_views: int = 70  # over all files; MetaCLIP's, of a day's worth for each of 26 days
    projects: tuple[str, ...] = ("en",)  # codes of pageviews whose titles are taken, such as en and en.m
    exact_case: tuple[str, ...] = ()  # sources whose entries stay apart from those of another case
    max_entries: int | None = None  # CLIP has 500,000

    def __post_init__(self) -> None:
        if not any((self.corpus, self.words, self.titles, self.wordnet, self.metaclip)):
            raise ConfigError(
                "there is nothing to make queries of",
                "wit queries build --corpus wiki.txt.gz --wordnet dict --out queries.tsv",
            )
        for name in ("min_count", "bigram_min_count", "title_min_views", "max_entries"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}, expected 1 or more")
        if not -1 <= self.bigram_min_npmi <= 1:
            raise ConfigError(f"bigram_min_npmi is {self.bigram_min_npmi}, expected -1 to 1")
        if unknown := sorted(set(self.exact_case) - set(ORDER)):
            raise ConfigError(f"exact_case names {unknown[0]!r}, expected one of {', '.join(ORDER)}")
