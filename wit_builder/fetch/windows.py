"""A bin of candidates, read in windows that fit into memory.

Which window a row is in, a hash of its id says. So each host has its share in each window: however many rows one
domain has, those of the others do not wait behind them, and all windows together take as long as its own requests do.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wit_builder.engine import columns, hashes, shuffle
from wit_builder.engine.task import Task
from wit_builder.mirror import here
from wit_builder.records import CANDIDATE_SCHEMA

ROWS = 2_000_000  # of a window, about: 1.7 GB


class Bin:
    """The candidates of a fetch task that are to be downloaded (see fetch.py)."""

    def __init__(self, task: Task) -> None:
        self._inputs = [Path(path) for path in task.params["inputs"]]
        self._bin, self._bins = task.arg, task.params["bins"]
        stays = task.params["stays"]
        self._stays: NDArray[np.bool_] | None = (
            np.load(here(stays[self._bin]), mmap_mode="r") if stays else None
        )

    def rows(self) -> int:
        """How many there are."""
        if self._stays is not None:
            return int(np.count_nonzero(self._stays))
        return sum(map(len, shuffle.batches(self._inputs, self._bin, self._bins, ["id"])))

    def window(self, number: int, of: int) -> pa.Table:
        """Those of one window, a column each in one piece."""
        pieces = [
            batch.filter(columns.mask(chosen)) for batch, chosen in self._chosen(number, of) if chosen.any()
        ]
        return pa.Table.from_batches(pieces, CANDIDATE_SCHEMA).combine_chunks()

    def _chosen(self, number: int, of: int) -> Iterator[tuple[pa.RecordBatch, NDArray[np.bool_]]]:
        """Batch by batch, which rows are in that window."""
        start = 0
        for batch in shuffle.batches(self._inputs, self._bin, self._bins):
            rows = slice(start, start := start + len(batch))
            chosen = np.ones(len(batch), bool) if self._stays is None else np.asarray(self._stays[rows])
            if of > 1:
                ids = hashes.hashed(pa.chunked_array([batch.column("id")]))
                chosen = chosen & (shuffle.spread(ids, of) == number)
            yield batch, chosen
