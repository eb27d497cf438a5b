"""Lists written and read for tests, in this process."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder.engine.task import Task
from wit_builder.ledger import Funnel
from wit_builder.lists import collect as stage
from wit_builder.lists.plan import plan
from wit_builder.lists.settings import UrlList

URLS = [f"http://h{n % 3}.test/{n}.jpg" for n in range(7)]
TEXTS = [f"picture number {n}" for n in range(7)]
ROWS = [{"url": url, "caption": text} for url, text in zip(URLS, TEXTS, strict=True)]


def zst(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


PACKED = {"": bytes, ".gz": gzip.compress, ".zst": zst}


def write(path: Path, data: bytes | str) -> Path:
    """The bytes as that file, packed as its name says."""
    raw = data.encode() if isinstance(data, str) else data
    path.write_bytes(PACKED[path.suffix if path.suffix in PACKED else ""](raw))
    return path


def parquet(path: Path, rows=None, row_group_size=None, **columns) -> Path:
    table = pa.Table.from_pylist(rows) if rows is not None else pa.table(columns)
    pq.write_table(table, path, row_group_size=row_group_size)
    return path


def text_of(format: str, rows=ROWS) -> str:
    """The rows as a text in that format; of txt the URLs alone."""
    if format in ("csv", "tsv"):
        sign = {"csv": ",", "tsv": "\t"}[format]
        return "".join(sign.join(row) + "\n" for row in (rows[0], *(row.values() for row in rows)))
    if format == "json":
        return json.dumps(rows)
    return "".join((row["url"] if format == "txt" else json.dumps(row)) + "\n" for row in rows)


@dataclass
class Read:
    """What the tasks of one list handed on."""

    tasks: list[Task]
    funnel: Funnel

    def rows(self, kind="candidates"):
        return [row for path in self.paths(kind) for row in pq.read_table(path).to_pylist()]

    def paths(self, kind):
        return [task.folder / name for task in self.tasks for name in task.files.get(kind, [])]

    @property
    def pairs(self):
        return [(row["url"], row["caption"]) for row in self.rows()]

    @property
    def extras(self):
        return [json.loads(row["extra"] or "{}") for row in self.rows()]

    @property
    def lost(self):
        return [(row["reason"], row["evidence"]) for row in self.rows("losses")]

    @property
    def reasons(self):
        return [reason for reason, _ in self.lost]


def read(root: Path, *files, mask=(), **more) -> Read:
    """Plan and read these files as a build does."""
    made = plan(UrlList(files=tuple(map(str, files)), **more))
    return run(root, made.tasks, stage.collect, {"carried": made.carried, "mask": mask})


def items(root: Path, *files, rows_per_part=3, **more) -> Read:
    """Plan and read these files as `wit fetch` does."""
    made = plan(UrlList(files=tuple(map(str, files)), **more))
    return run(root, made.tasks, stage.rows, {"carried": made.carried, "rows_per_part": rows_per_part})


def run(root: Path, arguments, function, params) -> Read:
    tasks, funnel = [], Funnel()
    (root / "stage").mkdir(exist_ok=True)
    for number, argument in enumerate(json.loads(json.dumps(arguments))):
        task = Task(root, "stage", f"{number:05d}", argument, params)
        function(task)
        funnel.add(task.funnel)
        tasks.append(task)
    return Read(tasks, funnel)
