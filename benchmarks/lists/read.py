"""CPU and memory of reading a list, against img2dataset's reader, pandas and pyarrow on the same file.

    python benchmarks/lists/read.py [--rows 1000000] [--rounds 3] [--img2dataset PYTHON]

The list is made here: URLs of 70 characters on 100,000 hosts, captions of 4 to 15 words, four other columns, in
parquet with one row group per million rows, and the same as csv and jsonl. Each side runs in a process of its
own; what is printed is CPU microseconds a row without start-up, and the peak of its memory.

- ours: what the first stage of a build does: addresses normalised, captions folded, ids, every row checked,
  candidates written as synced parquet with a row's other columns as JSON (or without them, where it says so).
- img2dataset: its Reader (Arrow files of 10,000 rows each), and what its downloader does to have the rows as
  tuples. No address is looked at. PYTHON is one that has img2dataset.
- pandas: `read_parquet` of the two columns, and both as lists. arrow: pyarrow's batches of the two columns, as lists.
"""

import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

TEXT = "a photo of the red boat on river bridge with snow and mountain for sale vintage 1950 in München"
WORDS = TEXT.split()
BLOCK = 50_000  # different rows


@click.group(invoke_without_command=True)
@click.option("--rows", default=1_000_000)
@click.option("--rounds", default=3)
@click.option("--img2dataset", "other", metavar="PYTHON", help="A Python that has img2dataset.")
@click.pass_context
def main(context: click.Context, rows: int, rounds: int, other: str | None) -> None:
    """Print a table."""
    if context.invoked_subcommand:
        return
    with tempfile.TemporaryDirectory() as folder:
        files = written(Path(folder), rows)
        written(Path(folder) / "small", 1_000)
        print(f"{rows} rows, {rounds} rounds: CPU us a row, peak MB; median (lowest to highest)")
        for side, name in [
            *(("ours", name) for name in files),
            ("ours_bare", "list.parquet"),
            ("ours_bare", "list.csv"),
            *(("img2dataset", name) for name in files if other),
            *((side, "list.parquet") for side in ("pandas", "arrow")),
        ]:
            program = other if side == "img2dataset" and other else sys.executable
            runs = [measured(program, side, files[name]) for _ in range(rounds)]
            cpu, peak = ([run[key] for run in runs] for key in ("cpu_us", "peak_mb"))
            spread = f"({min(cpu):5.2f} to {max(cpu):5.2f})"
            print(
                f"{side:12} {name:13} {statistics.median(cpu):6.2f} {spread}  {statistics.median(peak):6.0f} MB"
            )


def written(folder: Path, rows: int) -> dict[str, Path]:
    """The list in three formats."""
    folder.mkdir(exist_ok=True)
    chance = random.Random(1)
    block = pa.table(
        {
            "URL": [address(chance) for _ in range(BLOCK)],
            "TEXT": [" ".join(chance.choices(WORDS, k=chance.randrange(4, 16))) for _ in range(BLOCK)],
            "WIDTH": [chance.randrange(2_000) for _ in range(BLOCK)],
            "similarity": [chance.random() for _ in range(BLOCK)],
            "hash": [chance.getrandbits(62) for _ in range(BLOCK)],
            "LICENSE": ["?"] * BLOCK,
        }
    )
    table = pa.concat_tables([block] * -(-rows // BLOCK)).slice(0, rows).combine_chunks()
    files = {name: folder / name for name in ("list.parquet", "list.csv", "list.jsonl")}
    pq.write_table(table, files["list.parquet"], row_group_size=1_000_000)
    pc.write_csv(table, files["list.csv"])
    with files["list.jsonl"].open("w") as file:
        for batch in table.to_batches(BLOCK):
            file.writelines(json.dumps(row) + "\n" for row in batch.to_pylist())
    return files


def address(chance: random.Random) -> str:
    """As lists have them: a third with a query, one in fifty not in its canonical form."""
    host = f"cdn{chance.randrange(99_999)}.example-shop.com"
    query = "?w=300&h=200" if chance.random() < 0.3 else ""
    space = " " if chance.random() < 0.02 else "-"
    return f"https://{host}/media/{chance.choice(WORDS)}{space}{chance.randrange(10**8)}.jpg{query}"


def measured(program: str, side: str, file: Path) -> dict[str, float]:
    """One run in a process of its own."""
    command = [program, __file__, "side", side, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


# -- the sides; each returns the number of rows that it had


@main.command("side")
@click.argument("name")
@click.argument("file")
def side(name: str, file: str) -> None:
    """Run one side, and print what it took."""
    run: Callable[[str], int] = globals()[name]
    run(str(Path(file).parent / "small" / Path(file).name))  # imports, first calls
    began = time.process_time()
    rows = run(file)
    cpu = time.process_time() - began
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(json.dumps({"cpu_us": cpu / rows * 1e6, "peak_mb": int(peak[1]) / 1024 if peak else 0}))


def ours(file: str, columns: tuple[str, ...] | None = None) -> int:
    """The first stage of a build."""
    from wit_builder.engine.task import Task
    from wit_builder.lists.collect import collect
    from wit_builder.lists.plan import plan
    from wit_builder.lists.settings import UrlList

    made = plan(UrlList(files=(file,), columns=columns))
    seen = 0
    with tempfile.TemporaryDirectory(dir=Path(file).parent) as folder:
        (Path(folder) / "collect").mkdir()
        for number, argument in enumerate(made.tasks):
            task = Task(
                Path(folder), "collect", f"{number:05d}", argument, {"carried": made.carried, "mask": ()}
            )
            collect(task)
            seen += task.funnel["extract"].seen
    return seen


def ours_bare(file: str) -> int:
    """The same without other columns."""
    return ours(file, ())


def img2dataset(file: str) -> int:
    """Its Reader, and the rows as its downloader has them."""
    from img2dataset.reader import Reader

    count = 0
    with tempfile.TemporaryDirectory(dir=Path(file).parent) as folder:
        format = Path(file).suffix[1:]
        more = ["WIDTH", "similarity", "hash", "LICENSE"]
        for _, shard in Reader(file, format, "URL", "TEXT", None, None, more, 10_000, set(), folder):
            with Path(shard).open("rb") as opened:
                table = pa.ipc.open_file(opened).read_all()
            rows = list(
                enumerate(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))
            )
            count += len(rows)
    return count


def pandas(file: str) -> int:
    """Both columns as lists."""
    import pandas as pd

    frame = pd.read_parquet(file, columns=["URL", "TEXT"])
    return len(list(zip(frame["URL"].tolist(), frame["TEXT"].tolist(), strict=True)))


def arrow(file: str) -> int:
    """Batches of both columns as lists."""
    batches = pq.ParquetFile(file).iter_batches(4_096, columns=["URL", "TEXT"])
    return sum(len(list(zip(*(column.to_pylist() for column in batch), strict=True))) for batch in batches)


if __name__ == "__main__":
    main()
