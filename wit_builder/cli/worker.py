"""`wit worker`."""

import re

import click

_PART = re.compile(r"([0-9]{1,7})/([0-9]{1,7})")


class _Part(click.ParamType[tuple[int, int]]):
    """I/N, from 1/N to N/N."""

    name = "I/N"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        found = _PART.fullmatch(str(value))
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            self.fail(f"{value!r} is no part such as 3/8", param, ctx)
        return int(found[1]), int(found[2])


@click.command()
@click.argument("root")
@click.argument("stage")
@click.option(
    "--part", type=_Part(), default="1/1", show_default=True, help="Which of how many parts of its tasks."
)
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes at a time. [default: one a core]")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(root: str, stage: str, part: tuple[int, int], workers: int | None, quiet: bool) -> int:
    """Run part of a stage that a build with --executor outside has planned, on this machine.

    ROOT is the folder or URL that the build names; all machines see it. What is done is not done again: a part may
    be run twice, and killed. Exit code 1 when tasks were given up, each with its reason on stderr.

    \b
    Example:
      wit worker /shared/out/work select-judge --part $SLURM_ARRAY_TASK_ID/8
    """
    from contextlib import closing

    from wit_builder import mirror
    from wit_builder.cli import complaint, progress
    from wit_builder.cli.stopping import repeatable, stoppable
    from wit_builder.engine.local import LocalExecutor
    from wit_builder.engine.outside import run_part

    watcher = progress.watcher(quiet=quiet, json=False, stages=(stage.partition("-")[0],))
    with repeatable(), watcher, stoppable(watcher.say), closing(LocalExecutor(workers)) as executor:
        given_up = run_part(executor, mirror.meet(root), stage, *part, watcher.stage)
    for task, reason in sorted(given_up.items()):
        complaint.say(f"task {task} was given up: {reason}")
    return 1 if given_up else 0
