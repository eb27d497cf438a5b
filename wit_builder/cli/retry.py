"""`wit retry OUT`."""

from pathlib import Path

import click


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--only", required=True, help="Reasons of the fetch stage, with commas; 4xx and 5xx are families."
)
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes at a time. [default: one a core]")
@click.option("--connect-to", multiple=True, metavar="HOST=IP:PORT", help="As for `wit build`.")
@click.option("--quiet", is_flag=True, help="No progress; the result alone, on stdout.")
@click.option("--json", is_flag=True, help="Progress as JSON lines on stderr, the funnel as JSON on stdout.")
def command(
    out: Path, only: str, workers: int | None, connect_to: tuple[str, ...], quiet: bool, json: bool
) -> None:
    """Take failed downloads of the finished build OUT up again; what succeeds becomes new shards.

    Stopped or killed, the same command goes on.

    \b
    Example:
      wit retry OUT --only dns,timeout,5xx
    """
    from contextlib import closing

    from wit_builder import report, retry
    from wit_builder.cli import connect, progress, result, typed
    from wit_builder.cli.stopping import stoppable
    from wit_builder.engine.local import LocalExecutor
    from wit_builder.engine.task import Stopped
    from wit_builder.errors import BuildError

    reasons = [word.strip() for word in only.split(",") if word.strip()]
    hosts = dict(connect.parsed(connect_to))
    watcher = progress.watcher(quiet=quiet, json=json, stages=("select", "fetch", "clean", "pack"))
    try:
        with watcher, stoppable(watcher.say), closing(LocalExecutor(workers)) as executor:
            tried, kept = retry.run(out, reasons, hosts, executor, watcher)
            report.write_report(out)
    except Stopped:
        raise BuildError("stopped; nothing that was done is lost", f"go on with: {typed.same()}") from None
    result.show(out, json)
    watcher.say(f"{tried:,} tried again, {kept:,} of them are pairs in shards now")
