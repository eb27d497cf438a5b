"""What skew costs: a million rows of which one thing has most, beside a million rows of which nothing has.

    python benchmarks/curate/skew.py [--rows 1000000] [--only url]

The rows are made here. They go straight through the functions of the stages, with as many tasks as a build plans for
so many rows, each task in a process of its own. What is printed of each stage is the CPU of all its tasks, start-up
among it, and the peak of the largest one; first of rows without skew (URLs and pairs there twice each, captions 40
times, where it is about these), then of those with it.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from wit_builder import settings
from wit_builder.curation import histogram, select, tables
from wit_builder.curation.settings import Balance, Duplicates
from wit_builder.engine import hashes, shuffle
from wit_builder.engine.task import Task
from wit_builder.queries.listing import Query
from wit_builder.records import CANDIDATE_SCHEMA, SAMPLE_SCHEMA
from wit_builder.road import ROWS_PER_BIN, ROWS_PER_NEAR, ROWS_PER_PARTITION

PART = 200_000  # rows of a file
QUERIES = 100_000
PLAIN = Duplicates(max_images_per_caption=20)

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Of = Callable[[Numbers], Numbers]  # of each row's number another one


def each(row: Numbers) -> Numbers:
    """All are different."""
    return row


def one(row: Numbers) -> Numbers:
    """All are the same."""
    return row * 0


def groups_of(size: int) -> Of:
    """So many are the same."""
    return lambda row: row // size


def half(row: Numbers) -> Numbers:
    """Every other one is the same, the others are different."""
    return np.where(row % 2, row, 0)


@click.group(invoke_without_command=True)
@click.option("--rows", default=1_000_000)
@click.option("--only", default="", help="Cases whose name holds this.")
@click.pass_context
def main(context: click.Context, rows: int, only: str) -> None:
    """Print a table."""
    if context.invoked_subcommand:
        return
    print(f"{rows:,} rows; CPU of all tasks and peak of the largest: without skew, with it")
    for name, (stages, plain, skewed) in CASES.items():
        if only in name:
            costs = [measured(stages, rows, of) for of in (plain, skewed)]
            for stage in costs[0]:
                (cpu, peak), (cpu_skewed, peak_skewed) = costs[0][stage], costs[1][stage]
                line = f"{cpu:6.1f} s {peak:6,} MB   {cpu_skewed:6.1f} s {peak_skewed:6,} MB"
                print(f"{name:34} {stage:10} {line}   x{cpu_skewed / cpu:4.1f}", flush=True)


def measured(stages: "Stages", rows: int, of: Mapping[str, Of]) -> dict[str, tuple[float, int]]:
    """{stage: (CPU seconds, MB)} of the tasks of one case."""
    found: dict[str, tuple[float, int]] = {}
    with tempfile.TemporaryDirectory() as name:
        for function, arg, params in stages(Path(name), rows, of):
            stage = function.partition(":")[2]
            call = orjson.dumps([name, function, arg, settings.encode(params)]).decode()
            command = [sys.executable, __file__, "run", call]
            told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            cpu, peak = orjson.loads(told)
            before = found.get(stage, (0.0, 0))
            found[stage] = before[0] + cpu, max(before[1], peak)
    return found


@main.command()
@click.argument("call")
def run(call: str) -> None:
    """One task, in this process."""
    import importlib
    import time

    root, function, arg, params = orjson.loads(call)
    module, _, name = function.partition(":")
    id_ = f"{arg:05d}" if isinstance(arg, int) else "00000"
    task = Task(Path(root), name, id_, arg, settings.decode(params), attempt=id_ + "abc")
    task.folder.mkdir(exist_ok=True)
    getattr(importlib.import_module(module), name)(task)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(orjson.dumps([time.process_time(), int(peak[1]) >> 10 if peak else 0]).decode())


Call = tuple[str, Any, Mapping[str, Any]]  # function, argument, parameters
Stages = Callable[[Path, int, Mapping[str, Of]], Iterator[Call]]


def selecting(folder: Path, rows: int, of: Mapping[str, Of]) -> Iterator[Call]:
    """What select does behind its filters. of: host, url, caption, page."""
    bins = -(-rows // ROWS_PER_BIN)
    params = {"bins": bins, "duplicates": PLAIN}
    (folder / "given").mkdir()
    for number, table in enumerate(parts(rows, lambda row: candidates(row, of))):
        select.hand_on_by_domain(Task(folder, "given", f"{number:05d}", None, params), table)
    captions = [str(path) for path in sorted(folder.glob("given/*captions*"))]
    for part in range(bins):
        yield "wit_builder.curation.boilerplate:captions", part, params | {"inputs": captions}
    params |= {"inputs": [str(path) for path in sorted(folder.glob("given/*candidates*"))]}
    params |= {"boilerplate": [str(path) for path in folder.glob("captions/*boilerplate*")]}
    for part in range(bins):
        yield "wit_builder.curation.select:unique", part, params


def cleaning(folder: Path, rows: int, of: Mapping[str, Of]) -> Iterator[Call]:
    """Duplicates of images. of: sha256, phash, caption."""
    partitions = -(-rows // ROWS_PER_PARTITION)
    for number, table in enumerate(parts(rows, lambda row: samples(row, of))):
        part_of = np.array([int(sha[:16], 16) % partitions for sha in table.column("sha256").to_pylist()])
        shuffle.write(folder / f"{number}.shuffle", table, part_of, partitions)
    params = {"duplicates": Duplicates(placeholder_captions=rows + 1), "incumbents": None, "top": None}
    inputs = {"inputs": [str(path) for path in sorted(folder.glob("*.shuffle"))], "partitions": partitions}
    for part in range(partitions):
        yield "wit_builder.curation.clean:exact", part, params | inputs
    kept = [str(path) for path in sorted(folder.glob("exact/*samples*"))]
    tasks = -(-rows // ROWS_PER_NEAR)
    for part in range(tasks):
        yield "wit_builder.curation.near:pairs", part, params | {"samples": kept, "tasks": tasks, "parts": 1}
    links = [str(path) for path in sorted(folder.glob("pairs/*links*"))]
    yield "wit_builder.curation.clean:similar", {"samples": kept}, params | {"links": links}


def balancing(folder: Path, rows: int, of: Mapping[str, Of]) -> Iterator[Call]:
    """The cap. of: query."""
    entries = [f"query {n:06d}" for n in range(QUERIES)]
    listed = folder / histogram.NAME
    histogram.write(listed, [Query(entry, "made", 0) for entry in entries])
    files = []
    for number, table in enumerate(
        parts(rows, lambda row: queried(row, of, pa.array(entries)), ROWS_PER_PARTITION)
    ):
        files.append(folder / f"{number}.parquet")
        tables.write_parquet(files[-1], table)
    ranges = len(files)
    params: dict[str, Any] = {"queries": str(listed), "dropped": [], "balance": Balance(per_query=1_000)}
    params |= {"ranges": ranges, "files": ranges, "found": []}
    sources = [{"samples": str(path), "file": number} for number, path in enumerate(files)]
    for source in sources:
        yield "wit_builder.curation.balance:spread", source, params
    params |= {"rows": [str(path) for path in sorted(folder.glob("spread/*rows*"))]}
    yield "wit_builder.curation.balance:weigh", None, params
    params |= {"counts": [str(path) for path in sorted(folder.glob("weigh/*counts*"))]}
    for part in range(ranges):
        yield "wit_builder.curation.balance:need", part, params
    params |= {"needs": [str(path) for path in sorted(folder.glob("need/*needs*"))]}
    for source in sources:
        yield "wit_builder.curation.balance:decide", source, params


def parts(rows: int, make: Callable[[Numbers], pa.Table], size: int = PART) -> Iterator[pa.Table]:
    """The rows, so many at a time."""
    return (make(np.arange(start, min(rows, start + size))) for start in range(0, rows, size))


def candidates(row: Numbers, of: Mapping[str, Of]) -> pa.Table:
    """These rows, with all columns."""
    host, url, caption, page = (of.get(name, each)(row) for name in ("host", "url", "caption", "page"))
    count = len(row)
    urls = joined(
        "https://img.site", host, ".com/wp-content/uploads/", url * 2654435761 % 2**40, "-1024x768.jpg"
    )
    captions = joined("a picture of a stone house by the river, number ", caption, " of the series")
    values = {
        "id": hexed(urls, captions, 2),
        "url": urls,
        "caption": captions,
        "text_source": pa.repeat("alt", count),
        "page_url": joined("https://www.site", host, ".com/articles/", page * 40503 % 2**40, "/index.html"),
        "page_title": joined("The title of page ", page),
        "page_lang": pa.repeat("en", count),
        "source": joined("crawl-data/CC-MAIN-2026-05/wat/file.warc.wat.gz@", row),
    }
    return filled(values, CANDIDATE_SCHEMA, count)


def samples(row: Numbers, of: Mapping[str, Of]) -> pa.Table:
    """These rows as samples."""
    rows = candidates(row, {"caption": of.get("caption", each)})
    sha, phash = (joined(name, of.get(name, each)(row)) for name in ("sha256", "phash"))
    values = {name: rows.column(name) for name in rows.schema.names}
    values |= {"sha256": hexed(sha, sha, 4), "phash": hexed(phash, phash, 4), "final_url": rows.column("url")}
    values |= {"format": pa.repeat("jpg", len(row)), "tar": pa.repeat("00000/chunk-00000.tar", len(row))}
    values |= {
        name: pa.array(np.full(len(row), 640), pa.int32()) for name in ("original_width", "original_height")
    }
    return filled(values, SAMPLE_SCHEMA, len(row))


def queried(row: Numbers, of: Mapping[str, Of], entries: pa.Array) -> pa.Table:
    """These rows with two queries each, the first as the case has it."""
    rows = samples(row, {})
    numbers = np.stack([of["query"](row) % QUERIES, (row * 7 + 1) % QUERIES], axis=1).reshape(-1)
    lists = pa.ListArray.from_arrays(np.arange(0, 2 * len(row) + 1, 2, dtype=np.int32), entries.take(numbers))
    return rows.set_column(rows.schema.get_field_index("queries"), SAMPLE_SCHEMA.field("queries"), lists)


def filled(values: Mapping[str, Any], schema: pa.Schema, count: int) -> pa.Table:
    """A table of these columns, nothing in the others."""
    found = []
    for field in schema:
        if pa.types.is_nested(field.type):
            nothing = pa.array([[]], field.type).take(pa.array(np.zeros(count, np.int64)))
        else:
            nothing = pa.repeat(
                pa.scalar("" if pa.types.is_string(field.type) else 0).cast(field.type), count
            )
        found.append(values.get(field.name, nothing))
    return pa.table(found, schema=schema)


def hexed(left: pa.Array, right: pa.Array, words: int) -> pa.Array:
    """A text of 16 hex digits for each word, a hash of these two."""
    seeds = hashes.hashed(pa.chunked_array([left]))
    parts = [hashes.hashed(pa.chunked_array([right]), seeds + np.uint64(n)) for n in range(words)]
    digits = np.stack(parts, axis=1).tobytes().hex().encode()
    offsets = np.arange(0, len(digits) + 1, 16 * words, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(seeds), [None, pa.py_buffer(offsets), pa.py_buffer(digits)])


def joined(*pieces: str | Numbers) -> pa.Array:
    """One text of several."""
    texts = [piece if isinstance(piece, str) else pa.array(piece).cast(pa.string()) for piece in pieces]
    return pc.binary_join_element_wise(*texts, "")


CASES: dict[str, tuple[Stages, Mapping[str, Of], Mapping[str, Of]]] = {
    "half of the URLs of one domain": (selecting, {}, {"host": half}),
    "one URL under all captions": (
        selecting,
        {"host": groups_of(2), "url": groups_of(2)},
        {"host": one, "url": one},
    ),
    "one pair on all pages": (
        selecting,
        {"host": groups_of(2), "url": groups_of(2), "caption": groups_of(2)},
        {"host": one, "url": one, "caption": one},
    ),
    "one caption of all images": (selecting, {"caption": groups_of(40)}, {"caption": one}),
    "one sha256 of all images": (cleaning, {}, {"sha256": one}),
    "one PDQ hash of all images": (cleaning, {}, {"phash": one}),
    "one query in nine of ten pairs": (
        balancing,
        {"query": each},
        {"query": lambda row: np.where(row % 10, 0, row)},
    ),
}

if __name__ == "__main__":
    main()
