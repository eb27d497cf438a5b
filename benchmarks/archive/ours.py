"""Our side: one JSON line of what it took.

python ours.py function FILE [ROWS]      records of one file to rows in memory
python ours.py task FILE                 the whole task of the stage collect, parquet and all
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from wit_builder.archive.collect import collect, outcomes
from wit_builder.archive.rows import Page
from wit_builder.archive.wat import WatReader
from wit_builder.engine.task import Task
from wit_builder.extract.settings import Extraction
from wit_builder.web.visitor import WebSettings

MAX_BYTES = WebSettings().max_page_bytes


def main() -> None:
    """Do it, tell it."""
    what, file = sys.argv[1:3]
    began, cpu = time.monotonic(), time.process_time()
    rows = function(file) if what == "function" else task(file)
    told = {"rows": len(rows), "cpu": time.process_time() - cpu, "seconds": time.monotonic() - began}
    if len(sys.argv) > 3:
        Path(sys.argv[3]).write_text(json.dumps([(row[1], row[2]) for row in rows]))
    print(json.dumps(told))


def function(file: str) -> list[tuple[object, ...]]:
    """Every candidate, as the rows that the stage makes its columns of."""
    reader = WatReader(Path(file).name, Extraction(), MAX_BYTES)
    rows: list[tuple[object, ...]] = []
    with Path(file).open("rb") as stream:
        for outcome in outcomes(stream, reader):
            if isinstance(outcome, Page):
                rows += outcome.found
    return rows


def task(file: str) -> list[tuple[object, ...]]:
    """The same, and the losses, to parquet."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "collect").mkdir()
        run = Task(root, "collect", "00000", {"kind": "wat", "file": file}, _PARAMS)
        collect(run)
        return [()] * run.funnel["extract"].kept


_PARAMS = {"web": WebSettings(), "extraction": Extraction()}


if __name__ == "__main__":
    main()
