"""`wit retry OUT`."""

from pathlib import Path

import click

from wit_builder.cli import executors


@click.command()
@click.argument("out")
@click.option(
    "--only", required=True, help="Reasons of the fetch stage, with commas; 4xx and 5xx are families."
)
@click.option(
    "--delay",
    type=click.FloatRange(0, 3600),
    help="Seconds between two requests to a host; by default the recipe's.",
)
@click.option(
    "--deadline",
    type=click.FloatRange(0, 3600, min_open=True),
    help="Seconds that one request may take; by default the recipe's.",
)
@click.option("--scratch", **executors.SCRATCH)
@executors.decorate
@click.option("--connect-to", multiple=True, metavar="HOST=IP:PORT", help="As for `wit build`.")
@click.option("--quiet", is_flag=True, help="No progress; the result alone, on stdout.")
@click.option("--json", is_flag=True, help="Progress as JSON lines on stderr, the funnel as JSON on stdout.")
def command(
    out: str,
    only: str,
    delay: float | None,
    deadline: float | None,
    scratch: Path | None,
    workers: int | None,
    executor: str,
    address: str,
    connect_to: tuple[str, ...],
    quiet: bool,
    json: bool,
) -> None:
    """Take failed downloads of the finished build OUT up again; what succeeds becomes new shards.

    Stopped or killed, the same command goes on.

    \b
    Example:
      wit retry OUT --only dns,timeout,5xx --deadline 60
    """
    from wit_builder import delivery, place, report, retry
    from wit_builder.cli import connect, progress, result
    from wit_builder.cli.stopping import repeatable, stoppable
    from wit_builder.errors import ConfigError
    from wit_builder.report.diagnosis import check_reasons
    from wit_builder.report.fetched import AGAIN

    reasons = [word.strip() for word in only.split(",") if word.strip()]
    check_reasons("--only", reasons)
    hosts = dict(connect.parsed(connect_to))
    where = {"workers": workers, "executor": executor, "address": address}
    executors.check_scratch(executor, out)
    watcher = progress.watcher(quiet=quiet, json=json, stages=("select", "fetch", "clean", "pack"))
    with place.of(out, scratch) as there:
        if report.is_fetched(there):
            raise ConfigError(
                f"{there.name} holds shards of `wit fetch`, which itself tries again what failed",
                f"{AGAIN} {only}",
            )
        waiting = delivery.claim(there, delivery.RETRIED)
        with repeatable(), watcher, stoppable(watcher.say), executors.opened(where, watcher.say) as tasks:
            tried, kept = (
                (0, 0)
                if waiting
                else retry.run(there, reasons, hosts, tasks, watcher, report.write_report, delay, deadline)
            )
            delivery.finished(there)
        result.show(there, json)
    if waiting:
        watcher.say(f"the retry before this one is brought to {out} now")
    else:
        watcher.say(f"{tried:,} tried again, {kept:,} of them are pairs in shards now")
