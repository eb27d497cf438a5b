"""Exact duplicates of ten million rows: one of each (URL, text), one of each URL; beside polars and duckdb.

    python benchmarks/curate/exact.py [--rows 10000000] [--workers 2] [--rounds 1]

The rows are made here, as parts of 200,000 candidates with all their columns: 100,000 hosts (Zipf), one row in ten is
a pair that stands on a second page, one in ten a URL under a second caption. All read the same parquet files, each in
processes of its own; what is printed is wall seconds, CPU seconds with start-up, and the peak of the memory.

- ours: what a build does between its candidates and its downloads, without languages and filters. Every row with
  all its columns goes to the bin of its registrable domain; there one of each pair and one of each URL is chosen by
  the written rule, captions of the others go to alt_texts, every row that is lost goes to the ledger with its reason.
- ours, the grouping alone: the second half of that, with the rows in their bins, where downloads want them anyway.
- theirs: the grouping alone, from the parquet files (zstd) to one: of `url` and `caption` only, or of all columns;
  whichever row comes first stays, nothing is said of the others. `both` is what ours does: how many
  pairs there are is told, and one of each URL is written. Or URLs are only counted, and nothing is written.
"""

import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "fetch")]
import measured

from wit_builder.curation import select, tables
from wit_builder.curation.settings import Duplicates
from wit_builder.engine import task as engine
from wit_builder.engine.local import LocalExecutor, Needs
from wit_builder.engine.stage import number, run_stage
from wit_builder.records import CANDIDATE_SCHEMA, empty_lists
from wit_builder.road import ROWS_PER_BIN

PART = 200_000  # rows
HOSTS = 100_000
WORDS = np.array(
    [
        f"{a}{b}"
        for a in ["stone", "river", "light", "old", "red", "green", "house", "cat", "dog", "sea", "sky"]
        for b in range(400)
    ]
)
SIDES = {
    "ours": "ours, both: all columns by domain, losses told",
    "ours-unique": "ours, the grouping alone, losses told",
    "polars-pairs": "polars, unique (url, caption), these two columns",
    "polars-urls": "polars, unique url, these two columns",
    "polars-both": "polars, unique (url, caption), of these unique url",
    "polars-count": "polars, unique url, only counted",
    "polars-all": "polars, unique (url, caption), all columns",
    "duckdb-pairs": "duckdb, distinct url, caption",
    "duckdb-urls": "duckdb, distinct on (url), these two columns",
    "duckdb-both": "duckdb, distinct url, caption, of these on (url)",
    "duckdb-count": "duckdb, distinct url, only counted",
    "duckdb-all": "duckdb, distinct on (url, caption), all columns",
}


@click.group(invoke_without_command=True)
@click.option("--rows", default=10_000_000)
@click.option("--workers", default=2)
@click.option("--rounds", default=1)
@click.option(
    "--sides",
    default=",".join(side for side in SIDES if not side.endswith("-all")),
    help="Those of all columns take 20 GB.",
)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the rows stay for the next time.")
@click.pass_context
def main(
    context: click.Context, rows: int, workers: int, rounds: int, sides: str, folder: Path | None
) -> None:
    """Print a table."""
    if context.invoked_subcommand:
        return
    with tempfile.TemporaryDirectory() as temporary:
        parts = (folder or Path(temporary)) / f"rows-{rows}"
        if not parts.exists():
            make(parts, rows)
        size = sum(path.stat().st_size for path in parts.iterdir())
        print(f"{rows:,} rows, {size / 1e6:,.0f} MB of parquet; median of {rounds}")
        first = None
        for side in sides.split(","):
            costs = [cost(side, parts, Path(temporary) / "out", workers) for _ in range(rounds)]
            seconds, cpu, peak = (
                statistics.median(getattr(c, k) for c in costs) for k in ("seconds", "cpu", "peak_mb")
            )
            first = first or (seconds, cpu)
            ratio = f"{seconds / first[0]:5.2f} {cpu / first[1]:5.2f}"
            print(
                f"{SIDES[side]:50} {seconds:6.1f} s  {cpu:6.1f} CPU-s  {peak:6,.0f} MB   of ours {ratio}",
                flush=True,
            )


def cost(side: str, parts: Path, out: Path, workers: int) -> measured.Cost:
    """Run one side in processes of its own."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "", "HOME": str(Path.home())}
    command = [sys.executable, __file__, "run", side, str(parts), str(out), str(workers)]
    if side == "ours-unique":
        measured.run(command, environment, out.with_suffix(".log"))
        shutil.rmtree(out / "unique")  # so that the engine does this stage again, and only this one
    return measured.run(command, environment, out.with_suffix(".log"))


@main.command()
@click.argument("side")
@click.argument("parts", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("workers", type=int)
def run(side: str, parts: Path, out: Path, workers: int) -> None:
    """One side, in this process."""
    name, _, what = side.partition("-")
    {"ours": ours, "polars": in_polars, "duckdb": in_duckdb}[name](parts, out, workers, what)


def ours(parts: Path, out: Path, workers: int, _: str) -> None:
    """The two stages of a build, on its own executor."""
    files = [str(path) for path in sorted(parts.iterdir())]
    rows = sum(pq.read_metadata(path).num_rows for path in files)
    bins = max(1, -(-rows // ROWS_PER_BIN))
    executor = LocalExecutor(workers)
    params = {"bins": bins, "duplicates": Duplicates(), "boilerplate": []}
    shuffled = run_stage(
        executor, out, "shuffle", "exact:by_domain", number(files), params, Needs(), lambda *_: None
    )
    params |= {"inputs": [str(path) for path in engine.files(shuffled, "candidates")]}
    tasks = number(list(range(bins)))
    done = run_stage(
        executor, out, "unique", "wit_builder.curation.select:unique", tasks, params, Needs(), lambda *_: None
    )
    executor.close()
    dropped = sum(
        (record.funnel["select"].dropped for record in done), start=type(done[0].funnel["select"].dropped)()
    )
    print(sum(record.funnel["select"].kept for record in done), dict(dropped))


def by_domain(task: engine.Task) -> None:
    """What `select.judge` does behind its filters."""
    select.hand_on_by_domain(task, pq.read_table(task.arg))


def in_polars(parts: Path, out: Path, workers: int, what: str) -> None:
    """Polars."""
    import os

    os.environ["POLARS_MAX_THREADS"] = str(workers)
    import polars

    rows = polars.scan_parquet(parts / "*.parquet")
    rows = rows if what == "all" else rows.select("url", "caption")
    if what == "both":
        rows = rows.unique(["url", "caption"], keep="any").collect(engine="streaming").lazy()
        print(rows.select(polars.len()).collect())
    unique = rows.unique(["url"] if what in ("both", "urls", "count") else ["url", "caption"], keep="any")
    if what == "count":
        print(unique.select(polars.len()).collect(engine="streaming"))
        return
    unique.collect(engine="streaming").write_parquet(out / "unique.parquet", compression="zstd")


def in_duckdb(parts: Path, out: Path, workers: int, what: str) -> None:
    """Duckdb."""
    import duckdb

    connection = duckdb.connect(config={"threads": workers, "temp_directory": str(out / "spilled")})
    if what == "count":
        query = f"select count(*) from (select distinct url from '{parts}/*.parquet')"
        print(connection.execute(query).fetchall())
        return
    source, columns = f"'{parts}/*.parquet'", "*" if what == "all" else "url, caption"
    if what == "both":
        connection.execute(f"create table pairs as select distinct url, caption from {source}")
        print(connection.execute("select count(*) from pairs").fetchall())
        source, what = "pairs", "urls"
    distinct = {"pairs": "distinct", "urls": "distinct on (url)", "all": "distinct on (url, caption)"}[what]
    query = f"select {distinct} {columns} from {source}"
    connection.execute(f"copy ({query}) to '{out}/unique.parquet' (format parquet, compression zstd)")


def make(folder: Path, rows: int) -> None:
    """Write the parts."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    once = rows * 8 // 10
    url = np.concatenate([np.arange(once), rng.integers(0, once, rows - once)])
    text = url.copy()
    text[rows * 9 // 10 :] += rows  # a second caption
    order = rng.permutation(rows)
    for start in range(0, rows, PART):
        some = order[start : start + PART]
        table = pa.table(list(columns(rng, url[some], text[some])), schema=CANDIDATE_SCHEMA)
        tables.write_parquet(folder / f"part-{start // PART:05d}.parquet", table)


def columns(rng: np.random.Generator, url: np.ndarray, text: np.ndarray) -> Iterator[pa.Array]:
    """The columns of these candidates."""
    count = len(url)
    host = np.minimum((HOSTS ** ((url * 0.6180339887) % 1)).astype(np.int64), HOSTS - 1)
    urls = joined(
        "https://img.site", host, ".com/wp-content/uploads/", url * 2654435761 % 2**40, "-1024x768.jpg"
    )
    word = [WORDS[text * prime % 999_983 % len(WORDS)] for prime in (3, 7, 11, 17, 23, 31, 41)]
    captions = joined(*(piece for one in word for piece in (one, " ")), text % 1000)
    pages = joined("https://www.site", host, ".com/articles/", rng.integers(0, 10**9, count), "/index.html")
    pairs = zip(urls.to_pylist(), captions.to_pylist(), strict=True)
    ids = pa.array([xxhash.xxh3_128_hexdigest(f"{u}\0{c}".encode()) for u, c in pairs])
    sources = pa.array(np.array(["alt", "alt", "figcaption", "title"])[rng.integers(0, 4, count)])
    files = joined(
        "crawl-data/CC-MAIN-2026-05/wat/file-",
        rng.integers(0, 900, count),
        ".warc.wat.gz@",
        rng.integers(0, 10**9, count),
    )
    yield from (
        ids,
        urls,
        captions,
        sources,
        empty_lists("alt_texts", count),
        pages,
        joined("Title ", host),
        pa.repeat("en", count),
        pa.repeat("", count),
    )
    yield files
    yield pa.array(np.full(count, 1_767_000_000_000_000), CANDIDATE_SCHEMA.field("found_at").type)
    yield from (pa.repeat("", count), pa.repeat(0.0, count), pa.repeat("", count))
    yield from (empty_lists(name, count) for name in ("queries", "query_spans"))


def joined(*pieces: str | np.ndarray) -> pa.Array:
    """One text of several."""
    texts = [piece if isinstance(piece, str) else pa.array(piece).cast(pa.string()) for piece in pieces]
    return pc.binary_join_element_wise(*texts, "")


if __name__ == "__main__":
    main()
