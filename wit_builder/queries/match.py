"""Which queries a caption holds, and where: one Aho-Corasick automaton for all of them.

`Matcher(...).spans(text)` answers for one caption, `Matcher(...).match(texts)` for many at many times the speed.

The automaton does not read letters. Each word of a query has a character of its own, and what is searched is
the row of those of a text: so a match begins and ends with a word, and the automaton is a fraction of the size.
A query of one word is looked up without it.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np
from ahocorasick_rs import AhoCorasick, Implementation
from numpy.typing import NDArray

from wit_builder.errors import ConfigError
from wit_builder.queries import metaclip
from wit_builder.queries.forms import forms, portions
from wit_builder.queries.listing import Query
from wit_builder.queries.settings import Rule
from wit_builder.text import words
from wit_builder.text.words import Split

_Ints = NDArray[np.int32]
_Places = NDArray[np.intp]
_NONE, _BY_CASE = -1, -2  # in the place of a query's number
_FIRST_SURROGATE, _SURROGATES = 0xD800, 0x800  # code points from there on, so many, are no characters
_UNKNOWN = " "  # for a word of no query


@dataclass(frozen=True, slots=True)
class Matches:
    """What captions hold: a row a match, in the order of captions, of begins, and of ends."""

    text: _Ints  # number of the caption
    query: _Ints  # number of the query
    begin: _Ints  # code points of the caption as it was given
    end: _Ints


class Matcher:
    """Finds every place where a query stands in a text, also within another.

    rule: "words" compares whole words in the form of `text.words`, "metaclip" does as MetaCLIP.
    exact_case: sources whose queries match in their own case only.

    Of queries that are the same under the rule the first is found; one without a word never is. Raises
    ConfigError for queries of more than 1,100,000 different words.
    """

    def __init__(
        self, queries: Sequence[Query], rule: Rule = "words", exact_case: Sequence[str] = ()
    ) -> None:
        self._metaclip = rule == "metaclip"
        self._characters = _Characters()
        self._cases: dict[str, list[tuple[str | None, int]]] = {}  # of rows whose query hangs on the case
        numbers = self._numbers(queries, rule, frozenset(exact_case))
        rows = [row for row in numbers if len(row) > 1]
        self._many = np.array([numbers[row] for row in rows], np.int32)
        self._single = np.full(self._characters.limit, _NONE, np.int32)
        for row, number in numbers.items():
            if len(row) == 1:
                self._single[ord(row)] = number
        self._automaton = AhoCorasick(rows, implementation=Implementation.ContiguousNFA, store_patterns=False)

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """Number of the query, begin and end in `text` (code points) of each match, by begin, then by end."""
        found = self.match([text])
        return list(zip(found.query.tolist(), found.begin.tolist(), found.end.tolist(), strict=True))

    def match(self, texts: Sequence[str]) -> Matches:
        """The matches of many texts, of any length; the faster the more there are."""
        parts = [self._match(texts[first:last], first) for first, last in portions(texts)]
        return Matches(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _numbers(self, queries: Sequence[Query], rule: Rule, exact: frozenset[str]) -> dict[str, int]:
        """By row of characters the query that it means."""
        numbers: dict[str, int] = {}
        for number, (folded, own) in enumerate(forms([query.entry for query in queries], rule)):
            row = self._characters.added(folded)
            case = own if queries[number].source in exact else None
            if not row:
                continue
            if row not in numbers:
                numbers[row] = number
                if case is not None:
                    self._cases[row] = [(case, number)]
            elif row in self._cases or case is not None:
                cases = self._cases.setdefault(row, [(None, numbers[row])])
                if all(case != known for known, _ in cases):
                    cases.append((case, number))
        return numbers | dict.fromkeys(self._cases, _BY_CASE)

    def _match(self, texts: Sequence[str], first: int) -> tuple[_Ints, _Ints, _Ints, _Ints]:
        split = metaclip.split(texts) if self._metaclip else words.split(texts, cased=bool(self._cases))
        row = self._characters.known(split.words)
        single = self._single[np.frombuffer(row.encode("utf-32-le"), np.uint32)]
        alone = np.flatnonzero(single != _NONE)
        found = self._automaton.find_matches_as_indexes(row, overlapping=True)
        many = np.fromiter(chain.from_iterable(found), np.int32, 3 * len(found)).reshape(-1, 3)
        begins: _Places = np.concatenate((alone, many[:, 1]))
        ends: _Places = np.concatenate((alone + 1, many[:, 2]))
        queries = np.concatenate((single[alone], self._many[many[:, 0]]))
        order = np.argsort((begins << 32) + ends, kind="stable")
        begins, ends, queries = begins[order], ends[order], queries[order]
        if self._cases:
            which, queries = self._by_case(split, row, begins, ends, queries)
            begins, ends = begins[which], ends[which]
        texts_ = np.searchsorted(split.ends, begins).astype(np.int32) + np.int32(first)
        return texts_, queries, split.begins[begins], split.stops[ends - 1]

    def _by_case(
        self, split: Split, row: str, begins: _Places, ends: _Places, queries: _Ints
    ) -> tuple[_Places, _Ints]:
        """Which matches stay once those that hang on the case are decided, and their queries."""
        which = np.flatnonzero(queries != _BY_CASE).tolist()
        decided = queries[which].tolist()
        for match in np.flatnonzero(queries == _BY_CASE).tolist():
            there = slice(int(begins[match]), int(ends[match]))
            own = " ".join(split.cased[there])
            right = [number for case, number in self._cases[row[there]] if case in (None, own)]
            which += [match] * len(right)
            decided += right
        order = np.argsort(np.array(which, np.intp), kind="stable")
        return np.array(which, np.intp)[order], np.array(decided, np.int32)[order]


class _Characters(dict[str, str]):
    """By word its character."""

    @property
    def limit(self) -> int:
        """Above the code points of all characters."""
        return _code(len(self))

    def added(self, words: Sequence[str]) -> str:
        """The row of these words, each with its character from now on."""
        for word in words:
            if word not in self:
                if self.limit > sys.maxunicode:
                    raise ConfigError(
                        f"the queries have over {len(self):,} different words", "take fewer lists at a time"
                    )
                self[word] = chr(self.limit)
        return self.known(words)

    def known(self, words: Sequence[str]) -> str:
        """The row of these words, `_UNKNOWN` for those of no query."""
        return "".join(map(self.get, words, repeat(_UNKNOWN)))


def _code(number: int) -> int:
    """The code point of so many a character, with the surrogates left out."""
    code = ord(_UNKNOWN) + 1 + number
    return code + _SURROGATES if code >= _FIRST_SURROGATE else code
