"""`wit audit label`."""

from pathlib import Path

import click

from wit_builder.cli import executors
from wit_builder.cli.folder import Folder


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    show_default="any that is free",
    help="Port on 127.0.0.1 to serve the page at.",
)
@click.option("--results", type=Folder(path_type=Path), metavar="FOLDER", help="See `wit audit`.")
@click.option(
    "--recall",
    type=click.FloatRange(0, 1),
    default=0.95,
    show_default=True,
    help="Share of the pairs that are called one image, which the threshold must keep.",
)
def command(out: Path, port: int, results: Path | None, recall: float) -> None:
    """Look at pairs one by one, say which are one image, and have the audit in OUT follow.

    Opens nothing by itself: prints the address of a local page, whose keys are y, n, s (later) and u (back). Ctrl-C
    ends it; then the thresholds that follow from all labels are applied, and OUT is written anew. Labels are kept in
    OUT/labels.parquet as they are given.

    \b
    Example:
      wit audit label out/audit
    """
    from wit_builder.audit import labelling, labels, run
    from wit_builder.audit.finish import results_of
    from wit_builder.audit.pictures import Pictures
    from wit_builder.cli.audit import finish, run_audit, show

    asked = run.asked_in(out)
    results, own, before = results or results_of(out), run.calibrated_in(out), run.thresholds_in(out)
    rows = labelling.pairs(out / run.PAIRS, before)
    pictures = Pictures(asked.opened, asked.shards)
    given = labelling.serve(out, rows, pictures, own, recall, port, lambda line: click.echo(line, err=True))
    followed = labels.following(asked, given, own)
    after = before | {(name, detector): value for name, detector, value in followed.thresholds if name}
    for (name, detector), value in after.items():
        if value != before[name, detector]:
            click.echo(f"{name}: {detector} from {value:.4f} on, before {before[name, detector]:.4f}")
    if after != before:
        run_audit(followed, out, executors.HERE, False, False, results)
        finish(followed, out, results)
        show(out)
