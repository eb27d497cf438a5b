"""Does the memory of a task that looks for near-duplicates grow with the pictures? One task, as a build cuts it.

    python benchmarks/scale/near.py --hashes 16000000

Random hashes of 256 bits in files of 500,000, as `clean-exact` hands them on; then the first part of the first block.
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

from wit_builder.curation import near, tables
from wit_builder.curation.settings import Duplicates
from wit_builder.engine import task as engine
from wit_builder.engine.local import Needs
from wit_builder.engine.stage import number, run_stage

FILE = 500_000  # hashes


def hashes(task: engine.Task) -> None:
    """Makes a file of hashes. arg: its number. Hands on `samples` (parquet)."""
    row = np.arange(task.arg * FILE, (task.arg + 1) * FILE, dtype=np.uint64)
    column = made.digits([made.mixed(row, word) for word in range(4)])
    tables.write_parquet(
        task.new_file("samples", ".parquet"),
        pa.table({"phash": column, "phash_quality": np.full(FILE, 100, np.int64)}),
    )


@click.command()
@click.option("--hashes", "count", default=16_000_000)
def main(count: int) -> None:
    """Print how a block is cut, and what one task takes."""
    rules = Duplicates()
    assert rules.radius is not None
    parts = near.parts_of(count, rules.radius)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        with closing(Measured(2, root / "measured.jsonl", float("inf"))) as executor:
            given = number(list(range(count // FILE)))
            function = f"{Path(__file__).stem}:hashes"
            done = run_stage(executor, root, "made-up", function, given, {}, Needs(), lambda *_: None)
            files = [str(path) for path in engine.files(done, "samples")]
            params = {"samples": files, "tasks": near.BLOCKS * parts, "parts": parts}
            params |= {"duplicates": rules, "incumbents": None}
            pairs = "wit_builder.curation.near:pairs"
            run_stage(executor, root, "clean-pairs", pairs, number([0]), params, Needs(), lambda *_: None)
        told = (root / "measured.jsonl").read_text().splitlines()[-1]
    print(f"{count:,} hashes, {near.BLOCKS * parts:,} tasks: {told}")


if __name__ == "__main__":
    main()
