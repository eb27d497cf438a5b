"""`wit forget OUT`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wit_builder.cli.executors import SCRATCH
from wit_builder.errors import many

if TYPE_CHECKING:
    from wit_builder.blocklist.entries import Kind
    from wit_builder.blocklist.tombstones import Tombstone
    from wit_builder.forget.request import Forgotten


@click.command()
@click.argument("out")
@click.option("--url", multiple=True, help="Address of an image, of what it redirected to, or of its page.")
@click.option(
    "--domain", multiple=True, help="Images from there or from hosts below, and pairs of its pages."
)
@click.option("--sha256", multiple=True, metavar="HASH", help="Of an image's bytes as fetched.")
@click.option("--pdq", multiple=True, metavar="HASH", help="Pictures that look like this, by their PDQ hash.")
@click.option(
    "--radius",
    type=click.IntRange(0, 255),
    default=31,
    show_default=True,
    help="Bits of 256 in which they may differ from it.",
)
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Lines of a kind and a value: domain a.org",
)
@click.option("--why", default="", help="Is kept with the tombstones.")
@click.option("--dry-run", is_flag=True, help="Say what would go; change nothing.")
@click.option("--scratch", **SCRATCH)
@click.option("--json", is_flag=True, help="What went, as one line of JSON.")
def command(
    out: str,
    url: tuple[str, ...],
    domain: tuple[str, ...],
    sha256: tuple[str, ...],
    pdq: tuple[str, ...],
    radius: int,
    file: Path | None,
    why: str,
    dry_run: bool,
    scratch: Path | None,
    json: bool,
) -> None:
    """Remove pairs from the finished OUT, and keep them out: shards, candidates, ledger, report.

    \b
    Example:
      wit forget OUT --domain example.org --why "asked by its owner"

    Leaves OUT/tombstones.parquet, which `wit retry OUT` obeys, and other builds with --blocklist. Killed, the
    same command goes on. Each option may be given several times.
    """
    from datetime import UTC, datetime

    import orjson

    from wit_builder.cli.stopping import repeatable, stoppable
    from wit_builder.forget import request

    words: dict[Kind, tuple[str, ...]] = {"url": url, "domain": domain, "sha256": sha256, "pdq": pdq}
    stones = request.asked(words, file, radius, why, datetime.now(UTC))
    with repeatable(), stoppable(lambda sentence: click.echo(sentence, err=True)):
        result = _forgotten(out, scratch, stones, dry_run)
    if json:
        click.echo(orjson.dumps(_as_json(result) | {"dry_run": dry_run}))
    else:
        click.echo(_sentence(result, dry_run))


def _forgotten(out: str, scratch: Path | None, stones: "list[Tombstone]", dry_run: bool) -> "Forgotten":
    from wit_builder import delivery, place, report
    from wit_builder.errors import ConfigError
    from wit_builder.forget import build, fetched

    with place.of(out, scratch) as there:
        if not report.is_fetched(there):
            if delivery.claim(there, delivery.RETRIED):
                delivery.finished(there)
            result = build.forget(there, stones, dry_run)
            if dry_run:
                there.release()
            else:
                delivery.finished(there)
            return result
        if isinstance(there, place.Remote):
            raise ConfigError(
                f"{out} holds shards of `wit fetch`, and those are forgotten in a folder only",
                "bring them into a folder, forget there, and bring them back",
            )
        return fetched.forget(there.folder, stones, dry_run)


def _as_json(result: "Forgotten") -> dict[str, object]:
    return {
        "pairs": dict(result.pairs),
        "candidates": result.candidates,
        "losses": result.losses,
        "shards": result.shards,
        "tombstones": result.tombstones,
    }


def _sentence(result: "Forgotten", dry_run: bool) -> str:
    stay = (
        f"what was named {'would stay' if dry_run else 'stays'} out ({many(result.tombstones, 'tombstone')})"
    )
    if not (result.shards or result.candidates or result.losses):
        return f"nothing in it is of what was named; {stay}"
    kinds = ", ".join(f"{kind} {n:,}" for kind, n in sorted(result.pairs.items()))
    return (
        f"{many(result.pairs.total(), 'pair')} {'would go' if dry_run else 'gone'}{f' ({kinds})' if kinds else ''}, "
        f"{many(len(result.shards), 'shard')} written again; besides {many(result.candidates, 'candidate')} "
        f"and {many(result.losses, 'row')} of losses\n{stay}"
    )
