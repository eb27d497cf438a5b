"""Our side: one JSON line of what it took.

python ours.py function FILE [ROWS]      records of one WAT file to rows in memory
python ours.py task FILE                 the same as the stage's task, with losses and parquet
python ours.py build FOLDER OUT          `wit build common-crawl --wat ... --until select`, without filters
python ours.py warc FILE                 records of one WARC file to rows in memory
python ours.py floor FILE                its records read by fastwarc, its pages parsed by lexbor, and no more
"""

import json
import os
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import fastwarc.warc
import pyarrow as pa
from selectolax.lexbor import LexborHTMLParser

from wit_builder import build
from wit_builder.archive.collect import BATCH, collect, outcomes
from wit_builder.archive.rows import Rows
from wit_builder.archive.warc import WarcReader
from wit_builder.archive.wat import WatReader
from wit_builder.engine.local import LocalExecutor, Progress
from wit_builder.engine.task import Task
from wit_builder.extract.settings import Extraction
from wit_builder.web.settings import WebSettings
from wit_pipelines.common_crawl import recipe

MAX_BYTES = WebSettings().max_page_bytes


def main() -> None:
    """Do it, tell it."""
    what, path, *more = sys.argv[1:]
    pa.array([""])  # pyarrow imports some modules with its first array; imports do not count on either side
    began, cpu = time.monotonic(), _cpu()
    if what == "build":
        rows = whole(Path(path), Path(more[0]))
    elif what == "task":
        rows = task(path)
    elif what == "floor":
        rows = floor(path)
    else:
        found = candidates(path, WatReader if what == "function" else WarcReader)
        rows = found.num_rows
        if more:
            pairs = zip(*(found[name].to_pylist() for name in ("url", "caption")), strict=True)
            Path(more[0]).write_text(json.dumps(list(pairs)))
    print(json.dumps({"rows": rows, "cpu": _cpu() - cpu, "seconds": time.monotonic() - began}))


def candidates(file: str, kind: type[WatReader] | type[WarcReader]) -> pa.Table:
    """Every candidate, in the stage's columns."""
    reader = kind(Path(file).name, Extraction(), MAX_BYTES)
    rows, tables = Rows(reader.images), []
    with Path(file).open("rb") as stream:
        for outcome in outcomes(stream, reader):
            rows.add(outcome)
            if rows.count >= BATCH:
                tables.append(rows.candidates())
                rows = Rows(reader.images)
    return pa.concat_tables([*tables, rows.candidates()])


def task(file: str) -> int:
    """The stage's own task on one file."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "collect").mkdir()
        params = {"web": WebSettings(), "extraction": Extraction()}
        arg = {"kind": "wat", "file": file, "name": Path(file).name}
        run = Task(Path(folder), "collect", "00000", arg, params)
        collect(run)
        return run.funnel["extract"].kept


def whole(folder: Path, out: Path) -> int:
    """The build up to select, two workers, no filter: what is left is unique by URL and text."""
    made = replace(recipe(wat=(f"{folder}/*.wat.gz",), contact="me@example.org"), candidate_filters=())
    build.start(out, made, resume=True)
    with closing(LocalExecutor(2)) as executor:
        funnel = build.run(made, build.Where(out, {}), executor, _Silent(), until="select")
    return funnel["select"].seen - funnel["select"].dropped["duplicate_pair"]


def floor(file: str) -> int:
    """Pages read and parsed, from bytes, which is quicker than from text."""
    pages = 0
    with Path(file).open("rb") as stream:
        for record in fastwarc.warc.ArchiveIterator(stream, fastwarc.warc.response, parse_http=True):
            pages += LexborHTMLParser(record.reader.read()).body is not None
    return pages


class _Silent:
    def stage(self, name: str, tasks: int) -> Progress:
        return lambda counts, done: None


def _cpu() -> float:
    """Of this process and its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
