"""A list of queries from all its sources: each entry once, credited by one written rule.

Sources are taken in the order of `settings.ORDER`. An entry that a source before has, in the form of `text.words`,
is not taken again: so WordNet gives what is not there yet, as in CLIP's paper. Within a source, spellings of one
form are one entry: its count is their sum, its spelling that of the most (of equals the first by code points).
Of a source that keeps to its case an entry is in the list only where none of another source is spelled like it.
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path

from wit_builder import remote
from wit_builder.errors import ConfigError
from wit_builder.queries.forms import forms
from wit_builder.queries.listing import Query, read, why_not
from wit_builder.text.normalize import fold
from wit_builder.text.words import is_part, spelled
from wit_builder.vocabulary import readers
from wit_builder.vocabulary.count import Corpus, Follow
from wit_builder.vocabulary.settings import ORDER, Vocabulary

MEMORY = 1 << 30  # bytes, about, in which words, bigrams and titles are counted
_TITLE_BYTES = 200  # of memory that one takes while it is counted
_AT_ONCE = 10_000  # entries whose forms are made together
_TEXTS = (".txt", ".txt.gz", ".txt.zst", ".wet", ".wet.gz", ".wet.zst")


@dataclass(frozen=True, slots=True)
class Built:
    """A list, and what was left out of it."""

    queries: list[Query]
    skipped: dict[str, Counter[str]]  # by source, by reason
    cut: int  # entries over `max_entries`


def build(settings: Vocabulary, scratch: Path, follow: Follow, memory: int = MEMORY) -> Built:
    """Read all sources; the same list whatever the order of their files and the memory.

    scratch: a folder for what does not fit into `memory` bytes. Raises ConfigError for an input that cannot be
    read, and where no entry is found.
    """
    taken: dict[tuple[bool, str], Query] = {}
    skipped: dict[str, Counter[str]] = {source: Counter() for source in ORDER}
    with tempfile.TemporaryDirectory(dir=scratch, prefix="wit-queries-") as folder:
        sources = _Sources(settings, Path(folder), memory, follow, skipped)
        for source, entries in sources.all():
            exact = source in settings.exact_case
            for key, query in _spelled_once(entries, source, exact, skipped[source]):
                if (exact, key) in taken:
                    skipped[source]["in_the_list"] += 1
                else:
                    taken[exact, key] = query
    if not taken:
        raise ConfigError("no entry was found in any source", "lower the thresholds, or look at the inputs")
    queries = list(_in_any_case_first(taken, skipped))
    kept = _best(queries, settings.max_entries) if settings.max_entries else queries
    return Built(kept, {source: +reasons for source, reasons in skipped.items()}, len(queries) - len(kept))


def _in_any_case_first(
    taken: dict[tuple[bool, str], Query], skipped: dict[str, Counter[str]]
) -> Iterator[Query]:
    """The entries, but for those of their own case alone that are spelled like one of any case: it matches more.

    taken: by whether the case counts, and form.
    """
    spellings = forms([query.entry for (exact, _), query in taken.items() if not exact], "words")
    in_any_case = {cased for _, cased in spellings} if any(exact for exact, _ in taken) else set()
    for (exact, key), query in taken.items():
        if exact and key in in_any_case:
            skipped[query.source]["in_the_list"] += 1
        else:
            yield query


@dataclass(frozen=True, slots=True)
class _Sources:
    settings: Vocabulary
    scratch: Path
    memory: int
    follow: Follow
    skipped: dict[str, Counter[str]]

    def all(self) -> Iterator[tuple[str, Iterable[tuple[str, int]]]]:
        """Source by source in their order, each with its entries and their counts."""
        settings = self.settings
        words, bigrams = self._of_corpus() if settings.corpus else ({}, [])
        yield "words", chain(words.items(), self._ready_words())
        yield "bigrams", bigrams
        yield "titles", self._titles() if settings.titles else ()
        yield (
            "wordnet",
            (
                (lemma, 0)
                for place in settings.wordnet
                for lemma in readers.wordnet(place, self.skipped["wordnet"])
            ),
        )
        yield (
            "metaclip",
            (
                (query.entry, 0)
                for file in settings.metaclip
                for query in read(file, self.skipped["metaclip"])
            ),
        )

    def _of_corpus(self) -> tuple[dict[str, int], Iterator[tuple[str, int]]]:
        settings = self.settings
        files = remote.expand(settings.corpus, _TEXTS)
        corpus = Corpus(files, self.scratch, self.memory, self.follow)
        found = corpus.words(min(settings.min_count, settings.bigram_min_count), self.skipped["words"])
        frequent = ((word, count) for word, count in found.counts.items() if count >= settings.min_count)
        words = {word: count for word, count in frequent if not is_part(word)}
        pairs = corpus.bigrams(found, settings.bigram_min_count)
        whole = (pair for pair in pairs if not (is_part(pair[0]) or is_part(pair[1])))
        bigrams = ((spelled((a, b)), n) for a, b, n, npmi in whole if npmi >= settings.bigram_min_npmi)
        return words, bigrams

    def _ready_words(self) -> Iterator[tuple[str, int]]:
        if self.settings.words:
            files = remote.expand(self.settings.words, (".tsv", ".tsv.gz", ".txt", ".txt.gz"))
            counted = readers.counted_words(files, self.skipped["words"])
            yield from ((word, count) for word, count in counted if count >= self.settings.min_count)

    def _titles(self) -> Iterator[tuple[str, int]]:
        files = remote.expand(self.settings.titles, (".gz", ".bz2", ""))
        most = max(1, self.memory // _TITLE_BYTES)
        found = readers.titles(
            files, self.settings.projects, self.scratch / "titles", most, self.skipped["titles"], self.follow
        )
        yield from ((title, views) for title, views in found if views >= self.settings.title_min_views)


def _spelled_once(
    entries: Iterable[tuple[str, int]], source: str, exact: bool, skipped: Counter[str]
) -> Iterator[tuple[str, Query]]:
    """The entries of a source by their form, each form once."""
    found: dict[str, tuple[int, int, str]] = {}  # count of all spellings, of the best, which is that
    for portion in _portions(_fit(entries, skipped)):
        names = [entry for entry, _ in portion]
        for (entry, count), (words, cased) in zip(portion, forms(names, "words"), strict=True):
            if all(map(is_part, words)):
                skipped["no_word"] += 1
                continue
            key = cased if exact else " ".join(words)
            total, most, best = found.get(key, (0, -1, ""))
            if key in found:
                skipped["same_form"] += 1
            if (-count, entry) < (-most, best):
                most, best = count, entry
            found[key] = total + count, most, best
    for key, (total, _, best) in found.items():
        yield key, Query(best, source, total)


def _fit(entries: Iterable[tuple[str, int]], skipped: Counter[str]) -> Iterator[tuple[str, int]]:
    for entry, count in entries:
        entry = entry if why_not(entry) else fold(entry)
        if why := why_not(entry):
            skipped[why] += 1
        else:
            yield entry, count


def _portions(entries: Iterator[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    while portion := list(islice(entries, _AT_ONCE)):
        yield portion


def _best(queries: list[Query], most: int) -> list[Query]:
    """At most so many. Sources without counts stay whole; of each other the same share, the most frequent, stays."""
    counted = {query.source for query in queries if query.count}
    by_source: dict[str, list[Query]] = {source: [] for source in ORDER}
    for query in queries:
        by_source[query.source].append(query)
    whole = [query for source in ORDER if source not in counted for query in by_source[source]]
    if len(whole) > most:
        raise ConfigError(
            f"--max-entries is {most:,}, and {len(whole):,} entries have no count to choose by",
            f"--max-entries {len(whole)} at least",
        )
    ranked = []
    for source in counted:
        rows = sorted(by_source[source], key=lambda query: (-query.count, query.entry))
        ranked += [
            ((rank + 1) / len(rows), ORDER.index(source), rank, query) for rank, query in enumerate(rows)
        ]
    ranked.sort(key=itemgetter(0, 1, 2))
    return whole + [query for *_, query in ranked[: most - len(whole)]]
