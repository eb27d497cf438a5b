"""What a finished build folder holds, as plain values to compare."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from wit_builder import ledger

ROOT = Path(__file__).parents[2]


def wit(*arguments, **more):
    """The command, run to its end in a process of its own."""
    more = {"capture_output": True, "text": True, "cwd": ROOT, "timeout": 300} | more
    return subprocess.run([sys.executable, "-m", "wit_builder", *map(str, arguments)], **more)


def kept(out: Path) -> dict[tuple[str, str], str]:
    """(url, caption) of every sample, with its sha256."""
    rows = [row for path in sorted(out.glob("shards/*.parquet")) for row in pq.read_table(path).to_pylist()]
    return {(row["url"], row["caption"]): row["sha256"] for row in rows if row["status"] == "success"}


def lost(out: Path) -> list[tuple[str, str, str, str]]:
    """(stage, reason, url, caption) of every row of the ledger, sorted."""
    rows = (row for stage in ledger.STAGES for table in ledger.read(out, stage) for row in table.to_pylist())
    return sorted((row["stage"], row["reason"], row["url"], row["caption"]) for row in rows)


def tars(out: Path) -> dict[str, bytes]:
    """The shards' bytes."""
    return {path.name: path.read_bytes() for path in sorted(out.glob("shards/*.tar"))}
