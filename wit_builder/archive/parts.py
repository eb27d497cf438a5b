"""Parquet parts of a task, written as rows come: memory does not grow with the file that is read."""

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import storage
from wit_builder.engine.task import Task

PART_ROWS = 200_000  # of one file, about: what one filter task goes through
PART_BYTES = 64 << 20  # the same, as they lie in memory
ROW_GROUP = 65_536

_REPEATING = ["text_source", "page_url", "page_title", "page_lang", "licence", "source", "found_at", "lang"]
_REPEATING += ["lang_score", "extra", "stage", "reason", "at", "evidence"]


class Parts:
    """Rows handed on by a task under one kind, in as many files as they need."""

    def __init__(self, task: Task, kind: str) -> None:
        self._task, self._kind = task, kind
        self._tables: list[pa.Table] = []
        self._rows = self._bytes = self._files = 0

    def add(self, table: pa.Table) -> None:
        """Take these rows."""
        self._tables.append(table)
        self._rows += table.num_rows
        self._bytes += table.nbytes
        if self._rows >= PART_ROWS or self._bytes >= PART_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._rows:
            table = pa.concat_tables(self._tables)
            repeating = [name for name in table.column_names if name in _REPEATING]
            path = self._task.new_file(self._kind, f"-{self._files:03d}.parquet")
            with storage.whole(path) as temporary:
                pq.write_table(
                    table, temporary, compression="zstd", row_group_size=ROW_GROUP, use_dictionary=repeating
                )
            self._files += 1
        self._tables, self._rows, self._bytes = [], 0, 0
