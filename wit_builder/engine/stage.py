"""Run one stage: plan it once, run what is not done yet, stop when a task had to be given up."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wit_builder.engine import tries
from wit_builder.engine.local import Executor, Needs, Progress
from wit_builder.engine.task import Done, done, ids, pending, plan
from wit_builder.errors import BuildError, many


def run_stage(
    executor: Executor,
    root: Path,
    stage: str,
    function: str,
    tasks: Mapping[str, Any],
    params: Mapping[str, Any],
    needs: Needs,
    progress: Progress,
) -> list[Done]:
    """The stage's done records. Raises BuildError when a task was given up, Stopped when asked to stop.

    tasks: {id: JSON argument}; only read when the stage has no plan yet.
    """
    plan(root, stage, function, tasks, params, asdict(needs))
    todo = pending(root, stage)
    tries.forget(root / stage, todo)
    already = len(ids(root, stage)) - len(todo)
    given_up = executor.run(
        root, stage, todo, needs, lambda counts, finished: progress(counts, already + finished)
    )
    if given_up:
        task_id, reason = min(given_up.items())
        others = f" (and {many(len(given_up) - 1, 'other')})" if len(given_up) > 1 else ""
        times = "1 try" if needs.retries == 0 else f"{needs.retries + 1} tries"
        raise BuildError(
            f"stage {stage}: task {task_id}{others} was given up after {times}: {reason}",
            "what was done is kept: mend the cause, then run the same command again with `--resume`",
        )
    return done(root, stage)


def number(arguments: list[Any]) -> dict[str, Any]:
    """The arguments under task ids 00000, 00001, ..."""
    return {f"{i:05d}": argument for i, argument in enumerate(arguments)}
