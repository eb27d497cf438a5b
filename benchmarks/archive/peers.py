"""cc2dataset's side, run by a Python that has peer.txt installed: one JSON line of what it took.

python peers.py function FILE            its own function on one file, rows as it yields them
python peers.py spark FOLDER OUT         its local Spark run over the files of a folder, deduplicated parquet
"""

import json
import sys
import time
from pathlib import Path

from cc2dataset.main import process_one_part, process_wat
from cc2dataset.spark_session_builder import build_spark_session
from loguru import logger


def main() -> None:
    """Do it, tell it."""
    logger.remove()
    began, cpu = time.monotonic(), time.process_time()
    if sys.argv[1] == "function":
        rows = [(url, alt) for _, url, alt, _, _ in process_wat(sys.argv[2], "image")]
        told = {"rows": len(rows), "cpu": time.process_time() - cpu}
        if len(sys.argv) > 3:
            Path(sys.argv[3]).write_text(json.dumps(rows))
    else:
        told = _spark(Path(sys.argv[2]), sys.argv[3])
    told["seconds"] = time.monotonic() - began
    print(json.dumps(told))


def _spark(folder: Path, out: str) -> dict[str, float]:
    """The whole tree's CPU seconds: Spark's workers are children of its JVM."""
    import cc2dataset.main as peer

    prefix = f"{folder.absolute()}/"
    files = sorted(path.name for path in folder.glob("*.wat.gz"))
    plain = peer.process_wat
    peer.process_wat = lambda path, kind: plain(prefix + path.rpartition("/")[2], kind)
    process_one_part(out, files, lambda: build_spark_session("local", 2, 8), False, "image", "http")
    from pyspark.sql import SparkSession

    spark = SparkSession.getActiveSession()
    rows = spark.read.parquet(out).count()
    spark.stop()
    return {"rows": rows}


if __name__ == "__main__":
    main()
