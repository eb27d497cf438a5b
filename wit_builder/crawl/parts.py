"""The crawl's parquet files: whole or absent, and part of the result only when the frontier names them.

Small files become one now and then: a host that is asked once a second gives some 40 candidates between two
commits, and 17,000 files a day otherwise.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import storage
from wit_builder.crawl.frontier import Frontier
from wit_builder.mirror import here
from wit_builder.records import CANDIDATE_SCHEMA, LOSS_SCHEMA, Candidate, Loss, to_table

ROW_GROUP = 65_536
SMALL = 2_000  # rows; a file of fewer is small. A fast crawl's commits make larger ones, and rewrite nothing
TOGETHER = 8  # small files that become one: at most 16,000 rows, 25 MB while it happens

_SCHEMAS = {"candidates": CANDIDATE_SCHEMA, "losses": LOSS_SCHEMA}


class Parts:
    """Writes `candidates/part-00000.ATTEMPT.parquet`, `losses/part-00000.ATTEMPT.parquet`, and on, below a folder."""

    def __init__(self, folder: Path, attempt: str, frontier: Frontier) -> None:
        self._folder, self._attempt = folder, attempt
        self.keep_all = False  # whether `tidy` leaves everything for a later one
        self._frontier = frontier
        self._parts = {kind: frontier.parts(kind) for kind in _SCHEMAS}  # names and rows
        self._superseded: list[Path] = []
        frontier.sync()  # else a loss of power could bring back names of files that are removed now
        for kind in _SCHEMAS:
            self._remove_orphans(kind)

    def paths(self, kind: str) -> list[Path]:
        """The files of the result."""
        return [self._folder / kind / name for name in self._parts[kind]]

    def all_paths(self) -> list[Path]:
        """Those of all kinds."""
        return [path for kind in _SCHEMAS for path in self.paths(kind)]

    def write(self, kind: str, rows: Sequence[Candidate] | Sequence[Loss]) -> None:
        """Write rows as one more file, synced, and name it in the transaction that is open."""
        if not rows:
            return
        self._add(kind, to_table(rows, _SCHEMAS[kind]))
        small = [name for name, count in self._parts[kind].items() if count < SMALL]
        if len(small) >= TOGETHER:
            self._merge(kind, small)

    def tidy(self) -> None:
        """Remove files that others took the place of, once the transaction is committed."""
        if self._superseded and not self.keep_all:
            self._frontier.sync()  # as above
            for path in self._superseded:
                path.unlink(missing_ok=True)  # it may lie in a store
            self._superseded.clear()

    def _add(self, kind: str, table: pa.Table) -> None:
        name = f"part-{self._next_number(kind):05}.{self._attempt}.parquet"
        with storage.whole(self._folder / kind / name) as path:
            pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP)
        self._frontier.add_part(kind, name, table.num_rows)
        self._parts[kind][name] = table.num_rows

    def _next_number(self, kind: str) -> int:
        names = self._parts[kind]
        return int(next(reversed(names)).split(".")[0][len("part-") :]) + 1 if names else 0

    def _merge(self, kind: str, names: list[str]) -> None:
        paths = [self._folder / kind / name for name in names]
        self._add(kind, pa.concat_tables([pq.read_table(here(path)) for path in paths]).cast(_SCHEMAS[kind]))
        for name in names:
            self._frontier.drop_part(kind, name)
            del self._parts[kind][name]
        self._superseded += paths

    def _remove_orphans(self, kind: str) -> None:
        """A commit that was cut short leaves its files behind, and then its pages are fetched again."""
        folder = self._folder / kind
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.name not in self._parts[kind]:
                path.unlink()
