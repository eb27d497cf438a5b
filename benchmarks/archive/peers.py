"""cc2dataset's side, run by a Python that has peer.txt installed: one JSON line of what it took.

python peers.py function FILE [ROWS]     its own function on one file, rows as it yields them
python peers.py spark FOLDER OUT         its local Spark run over the files of a folder, deduplicated parquet
"""

import json
import os
import sys
import time
from pathlib import Path

import cc2dataset.main as peer
from cc2dataset.spark_session_builder import build_spark_session
from loguru import logger
from pyspark.sql import SparkSession


def main() -> None:
    """Do it, tell it."""
    logger.remove()
    began, cpu = time.monotonic(), time.process_time()
    if sys.argv[1] == "function":
        rows = [(url, alt) for _, url, alt, _, _ in peer.process_wat(sys.argv[2], "image")]
        told = {"rows": len(rows), "cpu": time.process_time() - cpu}
        if len(sys.argv) > 3:
            Path(sys.argv[3]).write_text(json.dumps(rows))
    else:
        told = spark(Path(sys.argv[2]), sys.argv[3])
    print(json.dumps(told | {"seconds": time.monotonic() - began}))


def spark(folder: Path, out: str) -> dict[str, float]:
    """Its `process_one_part`, which wants URLs of its own, on local files; `local[2]`, 8 GB."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    plain, prefix = peer.process_wat, f"{folder.absolute()}/"
    peer.process_wat = lambda path, kind: plain(prefix + path.rpartition("/")[2], kind)
    files = sorted(path.name for path in folder.glob("*.wat.gz"))
    peer.process_one_part(out, files, lambda: build_spark_session("local", 2, 8), False, "image", "http")
    session = SparkSession.getActiveSession()
    told = {"rows": session.read.parquet(out).count(), "cpu": cpu_of_tree(os.getpid())}
    session.stop()
    return told


def cpu_of_tree(root: int) -> float:
    """CPU seconds of a process, all below it, and all of theirs that have ended."""
    stats = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        stats[int(path.parent.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    below = {root}
    while more := {pid for pid, (parent, _) in stats.items() if parent in below} - below:
        below |= more
    return sum(stats[pid][1] for pid in below) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
