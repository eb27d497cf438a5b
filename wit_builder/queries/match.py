"""Which queries a caption holds, and where: one Aho-Corasick automaton for all of them.

`Matcher(...).spans(text)` answers for one caption, `Matcher(...).match(texts)` for many at many times the speed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from ahocorasick_rs import AhoCorasick, Implementation
from numpy.typing import NDArray

from wit_builder.queries import metaclip
from wit_builder.queries.listing import Query
from wit_builder.queries.settings import Rule
from wit_builder.text import words
from wit_builder.text.words import Split

_Ints = NDArray[np.int32]
_AT_ONCE = 1 << 18  # characters that are searched together


@dataclass(frozen=True, slots=True)
class Matches:
    """What captions hold: a row a match, in the order of captions, of begins, and of ends."""

    text: _Ints  # number of the caption
    query: _Ints  # number of the query
    begin: _Ints  # code points of the caption as it was given
    end: _Ints


class Matcher:
    """Finds every place where a query stands in a text, also within another.

    rule: "words" compares whole words in the form of `text.words`, "metaclip" as MetaCLIP does.
    exact_case: sources whose queries match in their own case only.

    Of queries that are the same under the rule the first is found; one without a word never is.
    """

    def __init__(
        self, queries: Sequence[Query], rule: Rule = "words", exact_case: Sequence[str] = ()
    ) -> None:
        self._split = metaclip.split if rule == "metaclip" else words.split
        patterns: dict[str, int] = {}
        self._meant: list[list[tuple[str | None, int]]] = []  # by pattern: in which case, which query
        exact = frozenset(exact_case)
        for number, (folded, cased) in enumerate(_patterns([query.entry for query in queries], rule)):
            if not folded:
                continue
            place = patterns.setdefault(folded, len(patterns))
            if place == len(self._meant):
                self._meant.append([])
            case = cased if queries[number].source in exact else None
            if case not in (known for known, _ in self._meant[place]):
                self._meant[place].append((case, number))
        self._only = np.array([_only(meant) for meant in self._meant], np.int32)
        self._automaton = AhoCorasick(
            patterns, implementation=Implementation.ContiguousNFA, store_patterns=False
        )

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """Number of the query, begin and end in `text` (code points) of each match, by begin, then by end."""
        found = self.match([text])
        return list(zip(found.query.tolist(), found.begin.tolist(), found.end.tolist(), strict=True))

    def match(self, texts: Sequence[str]) -> Matches:
        """The matches of many texts, of any length; the faster the more there are."""
        parts = [self._match(texts[first:last], first) for first, last in _portions(texts)]
        return Matches(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _match(self, texts: Sequence[str], first: int) -> tuple[_Ints, _Ints, _Ints, _Ints]:
        split = self._split(texts, cased=bool((self._only < 0).any()))
        found = self._automaton.find_matches_as_indexes(split.text, overlapping=True)
        flat = np.fromiter(chain.from_iterable(found), np.int32, 3 * len(found)).reshape(-1, 3)
        flat = flat[np.argsort((flat[:, 1].astype(np.int64) << 32) + flat[:, 2], kind="stable")]
        queries = self._only[flat[:, 0]]
        if (queries < 0).any():
            flat, queries = self._by_case(split, flat, queries)
        places = split.places(flat[:, 1] + 1, flat[:, 2] - 1)
        return places[0] + np.int32(first), queries, places[1], places[2]

    def _by_case(self, split: Split, flat: _Ints, queries: _Ints) -> tuple[_Ints, _Ints]:
        """The rows and their queries once those that hang on the case are decided."""
        rows: list[int] = []
        decided: list[int] = []
        for row in np.flatnonzero(queries < 0).tolist():
            place, start, end = flat[row].tolist()
            own = split.cased[start:end]
            right = [number for case, number in self._meant[place] if case in (None, own)]
            rows += [row] * len(right)
            decided += right
        clear = np.flatnonzero(queries >= 0)
        both = np.concatenate((clear, np.array(rows, np.intp)))
        order = np.argsort(both, kind="stable")
        return flat[both[order]], np.concatenate((queries[clear], np.array(decided, np.int32)))[order]


def _only(meant: list[tuple[str | None, int]]) -> int:
    """The query that a pattern means in any case, -1 where that hangs on the case."""
    return meant[0][1] if len(meant) == 1 and meant[0][0] is None else -1


def _patterns(entries: Sequence[str], rule: Rule) -> Iterator[tuple[str, str]]:
    """Of each entry what is searched for, case folded and in its own case; "" where it can match nothing."""
    if rule == "metaclip":
        yield from ((found, found) for found in map(metaclip.pattern, entries))
        return
    split = words.split(entries, cased=True)
    for folded, cased in zip(split.words(), split.cased_words(), strict=True):
        yield (f" {folded} ", f" {cased} ") if folded else ("", "")


def _portions(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First and behind the last of the texts that are searched together; one portion at least."""
    first = size = 0
    for number, text in enumerate(texts):
        if size and size + len(text) > _AT_ONCE:
            yield first, number
            first, size = number, 0
        size += len(text) + 1
    yield first, len(texts)
