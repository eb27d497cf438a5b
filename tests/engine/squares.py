"""`python -m tests.engine.squares ROOT [ADDRESS]`: a driver of twelve slow squares, here or on a Ray cluster."""

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from wit_builder.engine.cluster import RayExecutor
from wit_builder.engine.local import LocalExecutor, Needs
from wit_builder.engine.stage import number, run_stage

if __name__ == "__main__":
    root, *address = sys.argv[1:]
    executor: Any = RayExecutor(address[0]) if address else LocalExecutor(2)
    with closing(executor):
        job, tasks = "tests.engine.jobs:slow_square", number(list(range(12)))
        run_stage(executor, Path(root), "s", job, tasks, {}, Needs(), lambda counts, done: None)
