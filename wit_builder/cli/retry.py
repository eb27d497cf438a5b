"""`wit retry OUT`."""

from pathlib import Path

import click

from wit_builder.cli.build import SCRATCH


@click.command()
@click.argument("out")
@click.option(
    "--only", required=True, help="Reasons of the fetch stage, with commas; 4xx and 5xx are families."
)
@click.option("--scratch", **SCRATCH)
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes at a time. [default: one a core]")
@click.option("--connect-to", multiple=True, metavar="HOST=IP:PORT", help="As for `wit build`.")
@click.option("--quiet", is_flag=True, help="No progress; the result alone, on stdout.")
@click.option("--json", is_flag=True, help="Progress as JSON lines on stderr, the funnel as JSON on stdout.")
def command(
    out: str,
    only: str,
    scratch: Path | None,
    workers: int | None,
    connect_to: tuple[str, ...],
    quiet: bool,
    json: bool,
) -> None:
    """Take failed downloads of the finished build OUT up again; what succeeds becomes new shards.

    Stopped or killed, the same command goes on.

    \b
    Example:
      wit retry OUT --only dns,timeout,5xx
    """
    from contextlib import closing

    from wit_builder import delivery, place, report, retry
    from wit_builder.cli import connect, progress, result, typed
    from wit_builder.cli.stopping import stoppable
    from wit_builder.engine.local import LocalExecutor
    from wit_builder.engine.task import Stopped
    from wit_builder.errors import BuildError

    reasons = [word.strip() for word in only.split(",") if word.strip()]
    hosts = dict(connect.parsed(connect_to))
    watcher = progress.watcher(quiet=quiet, json=json, stages=("select", "fetch", "clean", "pack"))
    with place.of(out, scratch) as there:
        waiting = delivery.claim(there, delivery.RETRIED)
        try:
            with watcher, stoppable(watcher.say), closing(LocalExecutor(workers)) as executor:
                tried, kept = (0, 0) if waiting else retry.run(there, reasons, hosts, executor, watcher)
                report.write_report(there)
                delivery.finished(there)
        except Stopped:
            raise BuildError(
                "stopped; nothing that was done is lost", f"go on with: {typed.same()}"
            ) from None
        result.show(there, json)
    if waiting:
        watcher.say(f"the retry before this one is brought to {out} now")
    else:
        watcher.say(f"{tried:,} tried again, {kept:,} of them are pairs in shards now")
