"""Reads the pieces of a build folder; a piece that cannot be read becomes a note and is left out."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import place
from wit_builder.errors import ConfigError
from wit_builder.place import Place

PIECES = {"build.json", "funnel.json", "shards", "ledger", "candidates", "work"}  # any one makes OUT a build
ROWS_PER_BATCH = 16_384
MAX_JSON_BYTES = 16 << 20
MAX_NOTES = 30
REPORT = "report.html"  # in OUT


class Folder:
    """A build folder, read piece by piece. `notes` gathers what could not be read, a sentence each."""

    def __init__(self, out: Path | Place) -> None:
        """Raises ConfigError when `out` is no build folder."""
        self.there = place.at(out)
        pieces = self.there.pieces()
        if pieces is None:
            raise ConfigError(
                f"there is no folder {self.there.name!r}", "wit build NAME --out FOLDER makes one"
            )
        if not pieces & PIECES:
            raise ConfigError(
                f"{self.there.name!r} holds no build: none of {', '.join(sorted(PIECES))} is in it",
                "name the folder that `wit build` wrote",
            )
        self._notes: list[str] = []
        self._unsaid = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be read or does not add up, at most `MAX_NOTES` and a count of the rest."""
        more = (f"and {self._unsaid} more of this kind",) if self._unsaid else ()
        return (*self._notes, *more)

    def note(self, sentence: str) -> None:
        """Keep one more sentence. Said once, however often it is noted."""
        if sentence in self._notes:
            return
        if len(self._notes) < MAX_NOTES:
            self._notes.append(plain(sentence, 400))
        else:
            self._unsaid += 1

    def json(self, name: str) -> dict[str, Any]:
        """The object in that file; {} with a note when there is none that can be read."""
        size = self.files(name).get(name)
        if size is None:
            self.note(f"there is no {name} (yet)")
            return {}
        try:
            with self.there.open(name) as file:
                value = orjson.loads(file.read()) if size <= MAX_JSON_BYTES else None
        except (OSError, ValueError) as error:  # orjson.JSONDecodeError is a ValueError
            self.note(f"{name} cannot be read: {error}")
            return {}
        if not isinstance(value, dict):
            self.note(f"{name} is not what a build writes there: {size} bytes, expected a JSON object")
            return {}
        return value

    def files(self, pattern: str) -> dict[str, int]:
        """The regular files that match, with their bytes, in the order of their names; no temporary ones."""
        return self.there.sizes(pattern)

    def batches(self, name: str, columns: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The file's rows with these columns, a few thousand at a time; ends with a note where it breaks.

        A string column comes without nulls: "" stands for them.
        """
        try:
            with self.there.open(name) as opened, pq.ParquetFile(opened, pre_buffer=False) as file:
                missing = [column for column in columns.names if column not in file.schema_arrow.names]
                if missing:
                    self.note(f"{name} is no file of ours: it has no column {', '.join(missing)}")
                    return
                for batch in file.iter_batches(ROWS_PER_BATCH, columns=columns.names, use_threads=False):
                    yield _cast(batch, columns)
        except (OSError, ValueError, pa.ArrowException) as error:
            self.note(f"{name} cannot be read: {_first_line(error)}")

    def told(self, name: str, key: str = "balance") -> dict[str, Any]:
        """The object that the metadata of that parquet file hold under the key, {} where there is none."""
        try:
            with self.there.open(name) as opened:
                value = orjson.loads((pq.read_schema(opened).metadata or {}).get(key.encode(), b"{}"))
        except (OSError, ValueError, pa.ArrowException) as error:
            self.note(f"{name} cannot be read: {_first_line(error)}")
            return {}
        return value if isinstance(value, dict) else {}


def plain(text: object, limit: int = 300) -> str:
    """Foreign text made safe to show: no control or direction-turning characters, at most `limit` long."""
    shown = _UNSAFE.sub(" ", str(text)[: limit + 1].encode("utf-8", "replace").decode())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


def _cast(batch: pa.RecordBatch, columns: pa.Schema) -> pa.RecordBatch:
    arrays = [batch.column(field.name).cast(field.type) for field in columns]
    return pa.record_batch(
        [array.fill_null("") if pa.types.is_string(array.type) else array for array in arrays], schema=columns
    )


def _first_line(error: Exception) -> str:
    lines: Sequence[str] = str(error).splitlines() or [type(error).__name__]
    return lines[0]
