"""Which rows of a list make which shard, and which shards are fetched together.

Each file begins a shard; shard and number in it follow from a row's place in its file alone. So they are the
same on every run, and rows that fail, or are fetched later, move no other.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from wit_builder.download.settings import WINDOW_ROWS


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard: its number, and the ids of the first and the last row that it may hold."""

    number: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Window:
    """Shards that are fetched together, and the parts of the list that hold their rows."""

    shards: tuple[Shard, ...]
    candidates: tuple[Path, ...]
    failures: tuple[Path, ...]
    rows: int


def row_id(file: int, row: int) -> str:
    """The id of a row, as lists.collect gives it."""
    return f"{file:08x}{row:024x}"


class Windows:
    """The windows of a list that was read.

    candidates, failures: its parts, each of one file, none over a multiple of `per_part` rows. per_part: a
    multiple of per_shard. first: number of the first shard.
    """

    def __init__(
        self,
        candidates: Sequence[Path],
        failures: Sequence[Path],
        per_shard: int,
        per_part: int,
        first: int,
    ) -> None:
        self._per_shard, self._per_part = per_shard, per_part
        self._rows: dict[int, int] = defaultdict(int)  # of each file
        self._candidates, self._failures = self._placed(candidates), self._placed(failures)
        self._firsts, self._end = {}, first
        for file in sorted(self._rows):
            self._firsts[file] = self._end
            self._end += -(-self._rows[file] // per_shard)

    @property
    def rows(self) -> int:
        """Of all files."""
        return sum(self._rows.values())

    @property
    def end(self) -> int:
        """The number after that of the last shard."""
        return self._end

    def __iter__(self) -> Iterator[Window]:
        """In the order of their shards."""
        group: list[tuple[int, int]] = []
        rows = 0
        for place in self._places():
            if group and rows + self._rows_at(place) > WINDOW_ROWS:
                yield self._window(group, rows)
                group, rows = [], 0
            group.append(place)
            rows += self._rows_at(place)
        if group:
            yield self._window(group, rows)

    def _places(self) -> Iterator[tuple[int, int]]:
        """Each file with the number of each of its parts."""
        for file in sorted(self._rows):
            for number in range(-(-self._rows[file] // self._per_part)):
                yield file, number

    def _rows_at(self, place: tuple[int, int]) -> int:
        file, number = place
        return min(self._per_part, self._rows[file] - number * self._per_part)

    def _placed(self, paths: Iterable[Path]) -> dict[tuple[int, int], list[Path]]:
        """The files of each part; by the statistics of their ids, nothing else is read."""
        found: dict[tuple[int, int], list[Path]] = defaultdict(list)
        for path in paths:
            if span := _span(path):
                file, low, high = span
                found[file, low // self._per_part].append(path)
                self._rows[file] = max(self._rows[file], high + 1)
        return found

    def _window(self, places: list[tuple[int, int]], rows: int) -> Window:
        return Window(
            tuple(shard for place in places for shard in self._shards_at(place)),
            tuple(path for place in places for path in self._candidates.get(place, [])),
            tuple(path for place in places for path in self._failures.get(place, [])),
            rows,
        )

    def _shards_at(self, place: tuple[int, int]) -> Iterator[Shard]:
        file, number = place
        begin = number * self._per_part
        for row in range(begin, begin + self._rows_at(place), self._per_shard):
            yield Shard(
                self._firsts[file] + row // self._per_shard,
                row_id(file, row),
                row_id(file, row + self._per_shard - 1),
            )


def _span(path: Path) -> tuple[int, int, int] | None:
    """File, first and last row of a part; None where it has no row."""
    metadata = pq.read_metadata(path)
    if not metadata.num_rows:
        return None
    column = metadata.schema.to_arrow_schema().get_field_index("id")
    groups = [metadata.row_group(n).column(column).statistics for n in range(metadata.num_row_groups)]
    low, high = min(group.min for group in groups), max(group.max for group in groups)
    return int(low[:8], 16), int(low[8:], 16), int(high[8:], 16)
