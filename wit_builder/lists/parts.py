"""Rows as one parquet file, written as they come."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import storage

ROW_GROUP = 65_536
GROUP_BYTES = 64 << 20  # a row group is written earlier where its rows are long

_REPEATED = ["text_source", "page_url", "page_title", "page_lang", "licence", "lang", "stage", "reason"]


@contextmanager
def written(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """The file, whole or absent: what is called with each table of rows that it is to hold."""
    repeated = [name for name in _REPEATED if name in schema.names]
    with (
        storage.whole(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=repeated) as writer,
    ):
        waiting: list[pa.Table] = []

        def flush() -> None:
            if waiting:
                writer.write_table(pa.concat_tables(waiting), ROW_GROUP)
                waiting.clear()

        def add(table: pa.Table) -> None:
            if not table.num_rows:
                return
            waiting.append(table)
            if sum(t.num_rows for t in waiting) >= ROW_GROUP or sum(t.nbytes for t in waiting) >= GROUP_BYTES:
                flush()

        yield add
        flush()
