"""Tasks that other processes run: a Slurm array, Kubernetes jobs, a shell on each machine.

Any process that sees the folder of a run may do part I of N of a stage; done records keep them apart. The driver
plans each stage, waits until its tasks are done, and goes on; what workers give up it says, and stops when nothing
else is left.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from wit_builder import __version__, mirror
from wit_builder.engine import signals, tries
from wit_builder.engine import task as engine
from wit_builder.engine.local import Executor, Needs, Progress
from wit_builder.engine.task import Stopped
from wit_builder.errors import BuildError, ConfigError, many
from wit_builder.place import WORK

_EVERY_S = 1.0  # between two looks at the done records


class OutsideExecutor:
    """Waits for workers. say: is told the command that they run, once a stage."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def run(
        self, root: Path, stage: str, ids: Sequence[str], needs: Needs, progress: Progress
    ) -> dict[str, str]:
        """See local.Executor. A task is given up when the worker that ran it gives it up, and no other is left.

        Raises BuildError where a worker ended for what concerns the whole run.
        """
        if not ids:
            return {}
        folder, told = root / stage, dict[str, str]()
        self._say(
            f"{many(len(ids), 'task')} to do; on each machine: "
            f"wit worker {mirror.name(root.absolute())} {stage} --part I/N"
        )
        with signals.counted() as asked:
            while left := engine.unfinished(root, stage, ids):
                progress(Counter(), len(ids) - len(left))
                if asked():
                    raise Stopped
                failed = tries.given_up(folder, left)
                for task in failed.keys() - told.keys():
                    if failed[task].ends:
                        raise BuildError(f"a worker ended: {failed[task].reason}", failed[task].hint)
                    told[task] = failed[task].reason
                    self._say(f"a worker gave up task {task}: {told[task]}")
                if len(failed) == len(left):
                    return {task: told[task] for task in failed}
                time.sleep(_EVERY_S)
        progress(Counter(), len(ids))
        return {}

    def close(self) -> None:
        """Nothing is held."""


def run_part(
    executor: Executor,
    root: Path,
    stage: str,
    part: int,
    parts: int,
    watch: Callable[[str, int], Progress],
) -> dict[str, str]:
    """Run those tasks of the stage that fall to this part and are not done; {task: reason} of those given up.

    part: from 1 to `parts`. watch: is told the stage and its tasks, as road.Watcher.stage.
    Raises ConfigError where there is no such stage, or another version planned it.
    """
    if not engine.is_planned(root, stage):
        planned = sorted(path.parent.name for path in root.glob("*/plan.json"))
        if engine.is_planned(root / WORK, stage):
            hint = f"wit worker {mirror.name(root / WORK)} {stage}"
        elif planned:
            hint = f"those it has: {', '.join(planned)}"
        else:
            hint = "wit build ... --executor outside, which plans it and says what to type here"
        raise ConfigError(f"{mirror.name(root)!r} has no plan of a stage {stage!r}", hint)
    if (planner := engine.version(root, stage)) != __version__:
        raise ConfigError(
            f"{mirror.name(root / stage)!r} was planned by wit-builder {planner or 'of an older version'}, "
            f"and this is {__version__}",
            f"pip install wit-builder=={planner or 'VERSION'} on this machine",
        )
    ids = engine.ids(root, stage)[part - 1 :: parts]
    todo = engine.unfinished(root, stage, ids)
    tries.forget(root / stage, todo)
    already = len(ids) - len(todo)
    progress = watch(stage, len(ids))
    needs = Needs(**engine.needs(root, stage))
    return executor.run(root, stage, todo, needs, lambda counts, done: progress(counts, already + done))
