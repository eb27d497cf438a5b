"""CSV and TSV as rows of cells: quoted (RFC 4180), or bare as Google's TSVs are, with quotes that mean nothing.

A quote opens a quoted cell only where that cell also closes as it should. So a caption may hold commas, quotes
and newlines when it is quoted, and a stray quote costs nothing: its line is cut at the delimiters.
"""

import csv
from collections import deque
from collections.abc import Iterator

from wit_builder.lists.lines import MAX_LINE, Broken

DELIMITERS = {"csv": ",", "tsv": "\t"}
MAX_LINES = 1_000  # of one row

Row = list[str]


def rows(
    lines: Iterator[str | Broken], delimiter: str, width: int | None, url: int = 0
) -> Iterator[Row | Broken]:
    """The rows, each of `width` cells (None: of any number); empty lines are none.

    url: the cell that holds an address. A line that is a whole row by itself, with an address in that cell, is
    never taken for the second line of a caption. Where a row has one cell, delimiters belong to it.
    """
    pull = _Pull(lines)
    csv.field_size_limit(MAX_LINE)
    reader = csv.reader(pull, delimiter=delimiter, strict=True)
    for line in pull.beginnings():
        if isinstance(line, Broken):
            yield line
        elif width == 1 and not line.startswith('"'):
            yield [line]
        else:
            cells = (
                _quoted(pull, reader, line, delimiter, width, url) if '"' in line else line.split(delimiter)
            )
            yield cells if width in (None, len(cells)) else _ragged(cells, width, line)


class _Pull:
    """Gives lines to a csv reader, and remembers those that it took for one row."""

    def __init__(self, lines: Iterator[str | Broken]) -> None:
        self._lines = lines
        self._back: deque[str | Broken] = deque()  # taken, and given back
        self._taken: list[str] = []

    def beginnings(self) -> Iterator[str | Broken]:
        """The lines that begin a row; empty ones are left out."""
        while True:
            line = self._back.popleft() if self._back else next(self._lines, None)
            if line is None:
                return
            if line:
                yield line

    def begin(self, line: str) -> None:
        """The next row begins with this line."""
        self._taken = []
        self._back.appendleft(line)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """The next line of the row; the end where a row would be too long."""
        if len(self._taken) >= MAX_LINES or sum(map(len, self._taken[1:])) > MAX_LINE:
            raise StopIteration
        line = self._back.popleft() if self._back else next(self._lines)
        if isinstance(line, Broken):
            self._back.appendleft(line)
            raise StopIteration
        self._taken.append(line)
        return line + "\n"

    def more(self) -> list[str]:
        """The lines of the row after its first."""
        return self._taken[1:]

    def put_back(self) -> None:
        """Only the first line was of the row."""
        self._back.extendleft(reversed(self._taken[1:]))
        self._taken = self._taken[:1]


def _quoted(
    pull: _Pull, reader: Iterator[Row], line: str, delimiter: str, width: int | None, url: int
) -> Row:
    pull.begin(line)
    try:
        cells = next(reader)
    except (csv.Error, StopIteration):
        cells = None
    if cells is not None and not any(_whole(other, delimiter, width, url) for other in pull.more()):
        return cells
    pull.put_back()
    return line.split(delimiter)


def _whole(line: str, delimiter: str, width: int | None, url: int) -> bool:
    cells = line.split(delimiter)
    return len(cells) == width and is_address(cells[url])


def is_address(cell: str) -> bool:
    """Whether the cell begins as an address does."""
    return cell[:8].lower().strip('"').startswith(("http://", "https:/"))


def _ragged(cells: Row, width: int | None, line: str) -> Broken:
    return Broken(f"{len(cells)} cells where there are {width} columns: {line[:200]}")
