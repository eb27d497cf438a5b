"""`wit eval robustness`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wit_builder.cli.folder import Folder

if TYPE_CHECKING:
    from wit_builder.evaluate.results import Estimate
    from wit_builder.evaluate.robustness import Shift


@click.command()
@click.argument(
    "folders", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False), metavar="RESULTS..."
)
@click.option(
    "--references",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="CSV of published models: model, group, imagenet1k and shifts, in percent. [default: those carried]",
)
@click.option(
    "--baseline", metavar="NAME", help="One of the folders, by its name: the others are compared with it."
)
@click.option(
    "--out",
    type=Folder(path_type=Path),
    default="robustness",
    show_default=True,
    metavar="FOLDER",
    help="Folder to write.",
)
def command(folders: tuple[Path, ...], references: Path | None, baseline: str | None, out: Path) -> None:
    """Say how far accuracy holds on natural shifts of ImageNet, beside published models.

    \b
    Example:
      wit eval robustness results/b32 results/l14 --baseline b32 --out robustness

    RESULTS are folders that `wit eval` wrote, with ImageNet and a shift of it. Effective robustness is accuracy
    above the line through models trained on ImageNet alone; relative robustness, accuracy above the baseline's
    (section 3.3). Writes robustness.json, and for each shift a plot on logit axes, .png and .svg.
    """
    from wit_builder import storage
    from wit_builder.errors import ConfigError
    from wit_builder.evaluate import references as published
    from wit_builder.evaluate import robustness, shift_plot

    models = [robustness.measured(folder) for folder in folders]
    names = [model.model for model in models]
    if len(set(names)) < len(names):
        raise ConfigError("two of the folders have one name", "a name for each, below one folder: results/*")
    if baseline is not None and baseline not in names:
        raise ConfigError(
            f"the baseline {baseline!r} is none of {', '.join(names)}", f"--baseline {names[0]}"
        )
    known = published.read(references) if references else published.carried()
    found = [
        each for which in robustness.shifts() if (each := robustness.shift(which, models, known, baseline))
    ]
    for each in found:
        shift_plot.write(each, known, robustness.title(each.name), out)
    storage.write_json(
        out / "robustness.json", robustness.told(found, known, str(references or published.CARRIED))
    )
    for line in _lines(found):
        click.echo(line)


def _lines(found: Sequence["Shift"]) -> Iterator[str]:
    """A line for each shift, and one for each model below it."""
    from wit_builder.evaluate import robustness

    for each in found:
        fit = each.fit
        through = (
            f"line through {fit.models} models of {fit.least:.1%} to {fit.most:.1%}"
            if fit
            else "too few reference models for a line"
        )
        yield f"{robustness.title(each.name)}, against {each.on}, {through}"
        for one in each.standings:
            told = [f"{one.imagenet.value:.1%} to {one.accuracy.value:.1%}"]
            told += [f"effective {_points(one.effective)}"] if one.effective else []
            told += (
                ["beyond the line's models"]
                if fit and not fit.least <= one.imagenet.value <= fit.most
                else []
            )
            told += [f"relative {_points(one.relative)}"] if one.relative else []
            yield f"  {one.model}: {', '.join(told)}"


def _points(one: "Estimate") -> str:
    low, high = (100 * end for end in one.ends)
    return f"{100 * one.value:+.1f} points ({one.confidence:.1%}: {low:+.1f} to {high:+.1f})"
