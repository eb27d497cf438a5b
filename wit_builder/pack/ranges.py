"""Ids in their order, range by range of their first digits: what is held is one range's, however many there are."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder.engine import columns
from wit_builder.mirror import footer, here

ROWS = 8_000_000  # ids of a range, about: 0.26 GB, and as much again while some are taken out
BATCH = 1 << 20  # ids that are read at a time

Ids = NDArray[np.bytes_]  # 32 hex digits each


class Ranges:
    """Ids of several kinds, each kind's in a file a range."""

    @classmethod
    @contextmanager
    def open(cls, folder: Path, rows: int) -> Iterator[Self]:
        """In a folder below that one, which goes with the block. rows: of the kind that has most."""
        with tempfile.TemporaryDirectory(prefix=".ranges-", dir=folder) as own:
            yield cls(Path(own), max(1, -(-rows // ROWS)))

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self.count = folder, count

    def add(self, kind: str, paths: Iterable[str]) -> None:
        """The column `id` of these parquet files. Raises ValueError where one is no 32 hex digits."""
        for path in paths:
            for batch in pq.ParquetFile(here(path)).iter_batches(BATCH, columns=["id"]):
                self._spread(kind, columns.fixed(pa.chunked_array(batch.columns), 32))

    def sorted(self, kind: str, number: int) -> Ids:
        """Those of one range."""
        path = self._path(kind, number)
        found = np.fromfile(path, "S32") if path.exists() else np.array([], "S32")
        found.sort()
        return found

    def _spread(self, kind: str, ids: Ids) -> None:
        heads = np.frombuffer(bytes.fromhex(ids.astype("S8").tobytes().decode("ascii")), ">u4")
        number = heads.astype(np.uint64) * self.count >> 32
        order = np.argsort(number, kind="stable")
        ids, ends = ids[order], np.cumsum(np.bincount(number.astype(np.int64), minlength=self.count))
        for place, (start, end) in enumerate(zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)):
            if end > start:
                with self._path(kind, place).open("ab") as file:
                    ids[start:end].tofile(file)

    def _path(self, kind: str, number: int) -> Path:
        return self._folder / f"{kind}-{number:05d}"


def rows(paths: Iterable[str]) -> int:
    """How many rows these parquet files have."""
    return sum(pq.read_metadata(footer(path)).num_rows for path in paths)


def without(ids: Ids, gone: Ids) -> Ids:
    """The ids, each once and sorted, that are not among these."""
    at = np.searchsorted(ids, gone)
    inside = at < len(ids)
    at = at[inside]
    return np.delete(ids, at[ids[at] == gone[inside]])
