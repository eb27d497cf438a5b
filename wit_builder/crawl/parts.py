"""The crawl's parquet files: whole or absent, and part of the result only when the frontier names them."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from wit_builder import storage
from wit_builder.crawl.frontier import Frontier
from wit_builder.records import CANDIDATE_SCHEMA, LOSS_SCHEMA, Candidate, Loss, to_table

ROW_GROUP = 65_536

_SCHEMAS = {"candidates": CANDIDATE_SCHEMA, "losses": LOSS_SCHEMA}


class Parts:
    """Writes `candidates/part-00000.parquet` and `losses/part-00000.parquet`, and on, below a folder."""

    def __init__(self, folder: Path, frontier: Frontier) -> None:
        self._folder = folder
        self._frontier = frontier
        self._next = {kind: len(frontier.parts(kind)) for kind in _SCHEMAS}
        for kind in _SCHEMAS:
            self._remove_orphans(kind)

    def paths(self, kind: str) -> list[Path]:
        """The files of the result, in the order they were written."""
        return [self._folder / kind / name for name in self._frontier.parts(kind)]

    def write(self, kind: str, rows: Sequence[Candidate] | Sequence[Loss]) -> None:
        """Write rows as one more file, synced, and name it in the transaction that is open."""
        if not rows:
            return
        name = f"part-{self._next[kind]:05}.parquet"
        with storage.whole(self._folder / kind / name) as path:
            pq.write_table(to_table(rows, _SCHEMAS[kind]), path, compression="zstd", row_group_size=ROW_GROUP)
        self._frontier.add_part(kind, name)
        self._next[kind] += 1

    def _remove_orphans(self, kind: str) -> None:
        """A commit that was cut short leaves its files behind, and then its pages are fetched again."""
        folder = self._folder / kind
        folder.mkdir(parents=True, exist_ok=True)
        named = set(self._frontier.parts(kind))
        for path in folder.iterdir():
            if path.name not in named:
                path.unlink()
