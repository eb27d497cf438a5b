"""Counts of texts in bounded memory."""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from wit_builder.report.folder import plain


@dataclass(frozen=True, slots=True)
class Count:
    """How often something occurred."""

    name: str
    n: int


class Tally:
    """Counts texts. Beyond `limit` different ones the rarer half is forgotten; counts become lower bounds."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: Counter[str] = Counter()
        self.exact = True  # False once something was forgotten

    def add(self, texts: pa.Array) -> None:
        """Count each text of a string array; nulls count as ""."""
        for entry in pc.value_counts(texts).to_pylist():
            self._counts[entry["values"] or ""] += entry["counts"]
        if len(self._counts) > self._limit:
            self._counts = Counter(dict(self._counts.most_common(self._limit // 2)))
            self.exact = False

    def __getitem__(self, text: str) -> int:
        return self._counts[text]

    def items(self) -> list[tuple[str, int]]:
        """All that are remembered, most frequent first, equals by name."""
        return sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))

    def top(self, n: int) -> tuple[Count, ...]:
        """The n most frequent, names made safe to show."""
        return tuple(Count(plain(name, 120), count) for name, count in self.items()[:n])
