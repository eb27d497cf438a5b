"""`python -m tests.engine.twins ROOT`: runs all tasks of ROOT/s once ROOT/go exists, against its twins."""

import sys
import time
from pathlib import Path

from wit_builder.engine import task as engine

if __name__ == "__main__":
    root = Path(sys.argv[1])
    print("ready", flush=True)
    while not (root / "go").exists():
        time.sleep(0.001)
    for task_id in engine.ids(root, "s"):
        engine.run_task(*engine.open_task(root, "s", task_id))
