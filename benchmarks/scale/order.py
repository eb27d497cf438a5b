"""Does the memory of the task that orders a build's pairs grow with them?

    python benchmarks/scale/order.py --pairs 10000000

Ids of 128 random bits in files of 500,000, a pair in ten dropped as a near-duplicate, half as many failures as pairs.
"""

import sys
import tempfile
from contextlib import closing
from pathlib import Path

import click
import numpy as np
import pyarrow as pa

sys.path.append(str(Path(__file__).parent))
import made
from stages import Measured

from wit_builder.curation import tables
from wit_builder.engine import task as engine
from wit_builder.engine.local import Needs
from wit_builder.engine.stage import number, run_stage
from wit_builder.objects import sha256_of

FILE = 500_000  # ids


def ids(task: engine.Task) -> None:
    """Makes files of ids. arg: which. Hands on `samples`, `dropped` and `failures` (parquet)."""
    row = np.arange(task.arg * FILE, (task.arg + 1) * FILE, dtype=np.uint64)
    pairs, failures = (made.digits([made.mixed(row, word) for word in words]) for words in ((0, 1), (2, 3)))
    for kind, column in (
        ("samples", pairs),
        ("dropped", pairs.take(pa.array(np.arange(0, FILE, 10)))),
        ("failures", failures.take(pa.array(np.arange(0, FILE, 2)))),
    ):
        tables.write_parquet(task.new_file(kind, ".parquet"), pa.table({"id": column}))


@click.command()
@click.option("--pairs", "count", default=10_000_000)
def main(count: int) -> None:
    """Print what the task takes, and the hash of what it hands on."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        with closing(Measured(2, root / "measured.jsonl", float("inf"))) as executor:

            def run(stage: str, function: str, arguments: list[object]) -> list[engine.Done]:
                params = {"per_shard": 10_000}
                return run_stage(
                    executor, root, stage, function, number(arguments), params, Needs(), lambda *_: None
                )

            done = run("made-up", f"{Path(__file__).stem}:ids", list(range(count // FILE)))
            kinds = ("samples", "dropped", "failures")
            sources = {kind: [str(path) for path in engine.files(done, kind)] for kind in kinds}
            ordered = run("pack-order", "wit_builder.pack.pack:order", [sources])
        told = (root / "measured.jsonl").read_text().splitlines()[-1]
        print(f"{count:,} pairs: {told} {sha256_of(engine.files(ordered, 'shards')[0])[:16]}")


if __name__ == "__main__":
    main()
