"""`python -m tests.engine.driver ROOT`: a driver of two tasks that never end, each with a child of its own."""

import sys
import time
from pathlib import Path

from wit_builder.engine.children import Child
from wit_builder.engine.local import LocalExecutor, Needs
from wit_builder.engine.stage import number, run_stage
from wit_builder.engine.task import Task


def with_child(task: Task) -> None:
    child = Child("tests.engine.jobs:echo")
    child.answer()
    (task.folder / f"running-{task.id}-{child.pid}").touch()
    time.sleep(60)


if __name__ == "__main__":
    job = "tests.engine.driver:with_child"
    run_stage(LocalExecutor(2), Path(sys.argv[1]), "s", job, number([0, 1]), {}, Needs(), lambda c, d: None)
