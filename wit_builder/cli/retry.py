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
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", is_flag=True, help="Progress as JSON lines on stderr, the funnel on stdout.")
def command(
    out: Path, only: str, workers: int | None, connect_to: tuple[str, ...], quiet: bool, json: bool
) -> None:
    """Take failed downloads of the finished build OUT up again; what succeeds becomes new shards.

    Stopped or killed, the same command goes on.

    \b
    Example:
      wit retry OUT --only dns,timeout,5xx
    """
    from wit_builder import report, retry
    from wit_builder.cli import progress
    from wit_builder.cli.build import connections
    from wit_builder.engine.local import LocalExecutor
    from wit_builder.engine.task import Stopped
    from wit_builder.errors import BuildError

    words = [word.strip() for word in only.split(",") if word.strip()]
    watcher = progress.watcher(quiet=quiet, json=json)
    try:
        with watcher:
            tried, kept = retry.run(out, words, connections(connect_to), LocalExecutor(workers), watcher)
            report.write_report(out)
    except Stopped:
        raise BuildError("stopped; nothing that was done is lost", "the same command goes on") from None
    click.echo(f"{tried:,} tried again, {kept:,} of them are samples now", err=True)
    progress.result(out, json)
