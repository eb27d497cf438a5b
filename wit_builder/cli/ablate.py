"""`wit ablate POOL`."""

import difflib
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wit_builder.cli import executors
from wit_builder.cli.folder import Folder
from wit_builder.cli.recipes import INSTALL
from wit_builder.errors import ConfigError, many

if TYPE_CHECKING:
    from wit_builder.ablate.asked import Asked
    from wit_builder.ablate.trained import Trial
    from wit_builder.preset import Files, Preset


@click.command()
@click.argument("pool")
@click.option(
    "--preset",
    multiple=True,
    metavar="NAME",
    help="Rules to judge it by; `wit filters --presets` prints them. [default: all]",
)
@click.option(
    "--given",
    multiple=True,
    metavar="NAME=PATH",
    help="File that a preset needs; see `wit build url-list`.",
)
@click.option(
    "--queries", default="", metavar="FILE", help="List of queries, one of which a caption must hold."
)
@click.option(
    "--per-query",
    type=click.IntRange(0),
    help="Pairs that a query may bring in; 0 keeps all. [default: 20,000, with --queries]",
)
@click.option("--train", is_flag=True, help="Train a small CLIP on what each preset keeps, and compare them.")
@click.option(
    "--eval-set",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Images of classes, for zero-shot accuracy with --train; see `wit train`.",
)
@click.option("--seeds", type=click.IntRange(1, 1000), help="Runs of each preset. [default: 3]")
@click.option(
    "--train-samples", type=click.IntRange(1), metavar="N", help="Images that a run sees. [default: 51,200]"
)
@click.option("--out", type=Folder(path_type=Path), required=True, help="Folder to write.")
@executors.decorate
@click.option("--quiet", is_flag=True, help="No progress; the result alone, on stdout.")
@click.option("--json", is_flag=True, help="Progress as JSON lines on stderr, ablation.json on stdout.")
def command(
    pool: str,
    preset: tuple[str, ...],
    given: tuple[str, ...],
    queries: str,
    per_query: int | None,
    train: bool,
    eval_set: Path | None,
    seeds: int | None,
    train_samples: int | None,
    out: Path,
    workers: int | None,
    executor: str,
    address: str,
    quiet: bool,
    json: bool,
) -> None:
    """Judge the pairs of POOL, a finished build, by several presets: what each keeps, what they share.

    POOL holds what its own rules kept, so build it with as few as can be. Options --preset and --given may be given
    several times. Stopped or killed, the same command goes on.

    \b
    Example:
      wit ablate out/all --preset wit --preset datacomp-basic --preset cc12m --out ablation
      wit ablate out/all --train --eval-set out/demo-eval --seeds 5 --out ablation
    """
    from wit_builder.ablate import pool as pools
    from wit_builder.ablate.asked import Asked

    if "://" in pool:
        raise ConfigError(
            f"{pool} is a URL, and a pool is judged where it lies in a folder", "bring it into a folder"
        )
    if per_query is not None and not queries:
        raise ConfigError(
            "--per-query is given without --queries, and nothing can be balanced", "--queries FILE"
        )
    presets = _presets(preset, given)
    trial = _trial(train, eval_set, seeds, train_samples)
    asked = Asked(pools.opened(Path(pool)), presets, queries, per_query, trial)
    _try(asked)
    _run(asked, out, {"workers": workers, "executor": executor, "address": address}, quiet, json)
    _show(out, json)


def _presets(names: tuple[str, ...], given: tuple[str, ...]) -> "dict[str, Preset]":
    """The presets of these names, all where there are none, with the files that they need.

    Raises ConfigError for a name that none has, or that comes twice, and for a file of no use.
    """
    from wit_builder.preset import NO_FILES, Files

    points = {point.name: point for point in entry_points(group="wit_builder.presets")}
    if not points:
        raise ConfigError("no preset is installed, for wit-builder itself is not", INSTALL)
    for name in names:
        if name not in points:
            nearest = difflib.get_close_matches(name, points, 1)
            raise ConfigError(
                f"no preset is called {name!r}; installed are {', '.join(sorted(points))}",
                f"--preset {nearest[0]}" if nearest else "wit filters --presets",
            )
        if names.count(name) > 1:
            raise ConfigError(f"--preset {name} is given twice", "name each once")
    made = {name: points[name].load() for name in names or sorted(points)}
    _check_use(Files.named(given), {name: make(NO_FILES) for name, make in made.items()})
    return {name: make(Files.named(given)) for name, make in made.items()}


def _check_use(files: "Files", presets: "Mapping[str, Preset]") -> None:
    wanted = {file for preset in presets.values() for file in preset.wanting}
    for name in ("tagger", "vocabulary", "profanity", "clip"):
        if getattr(files, name) is not None and name not in wanted:
            raise ConfigError(
                f"--given {name}: none of {', '.join(presets)} has a use for it",
                f"they need {', '.join(sorted(wanted)) or 'none'}",
            )


def _trial(train: bool, eval_set: Path | None, seeds: int | None, samples: int | None) -> "Trial | None":
    """What is to be trained, None for nothing. Raises ConfigError for what is missing, or given in vain."""
    if not train:
        given = {"--eval-set": eval_set, "--seeds": seeds, "--train-samples": samples}
        for flag in (flag for flag, value in given.items() if value is not None):
            raise ConfigError(f"{flag} is given without --train, and nothing is trained", "--train")
        return None
    from wit_builder.ablate import trained
    from wit_builder.model import load

    if eval_set is None:
        raise ConfigError(
            "--train measures zero-shot accuracy, and no held-out set is given", "--eval-set FOLDER"
        )
    load.require("wit ablate --train")
    return trained.opened(
        eval_set, 3 if seeds is None else seeds, trained.SAMPLES if samples is None else samples
    )


def _try(asked: "Asked") -> None:
    """Each rule judges one made-up pair before anything is started."""
    from wit_builder.cli import rehearsal

    for recipe in asked.recipes().values():
        rehearsal.try_language(recipe)
        rehearsal.try_filters(recipe)


def _run(asked: "Asked", out: Path, where: Mapping[str, Any], quiet: bool, json: bool) -> None:
    from wit_builder.ablate import run, trained
    from wit_builder.cli import progress
    from wit_builder.cli.stopping import repeatable, stoppable

    stages = (run.READ, *asked.presets, run.MEET, *[trained.TRAIN] * bool(asked.trial))
    watcher = progress.watcher(quiet=quiet, json=json, stages=stages)
    if run.start(asked, out):
        watcher.say(f"{out} is complete already")
        return
    for name, preset in asked.presets.items():
        for rule in preset.missing:
            watcher.say(f"{name}: {rule}")
    with repeatable(), watcher, stoppable(watcher.say), executors.opened(where, watcher.say) as executor:
        run.run(asked, out, executor, watcher)


def _show(out: Path, json: bool) -> None:
    import orjson

    from wit_builder.ablate.run import FILE

    told = orjson.loads((out / FILE).read_bytes())
    if json:
        click.echo(orjson.dumps(told))
        return
    for line in _lines(out, told):
        click.echo(line)


def _lines(out: Path, told: Mapping[str, Any]) -> Iterator[str]:
    from wit_builder.cli.progress import shortened
    from wit_builder.report.terminal import percent

    presets, pairs = told["presets"], told["pool"]["pairs"]
    width = max(map(len, [*presets, "preset"]))
    yield f"{many(pairs, 'pair')} of {told['pool']['name']} under {many(len(presets), 'preset')}"
    yield ""
    yield f"  {'preset':<{width}}{'kept':>12}{'':>10}   most often dropped for"
    for name in sorted(presets, key=lambda name: (-presets[name]["kept"], name)):
        kept, dropped = presets[name]["kept"], list(presets[name]["dropped"].items())
        why = shortened(sorted(dropped, key=lambda item: (-item[1], item[0])), 100 - 27 - width)
        yield f"  {name:<{width}}{kept:>12,}{percent(kept, pairs) or '0 %':>10}   {why}".rstrip()
    yield ""
    if told["train"]:
        yield from _trained(told, width)
        yield ""
    yield f"  what each keeps and drops   {out / 'kept'}, {out / 'dropped'}"
    yield f"  how they overlap            {out / 'overlap.png'}"
    yield f"  a report with examples      {out / 'report.html'}"


def _trained(told: Mapping[str, Any], width: int) -> Iterator[str]:
    train, found = told["train"], told["trained"]
    held = train["eval_set"]
    yield (
        f"  zero-shot on {held['name']}, {many(held['images'], 'image')}, chance {1 / held['classes']:.1%}, "
        f"of a small CLIP after {train['samples']:,} images"
    )
    yield f"  {'preset':<{width}}{'top-1':>12}{'deviation':>12}{'95 %':>16}   by seed"
    for name in sorted(found, key=lambda name: (-found[name]["mean"], name)):
        row = found[name]
        by_seed = ", ".join(f"{run['top1']:.1%}" for run in row["runs"])
        sd = "" if row["sd"] is None else f"{row['sd']:.1%}"
        between = "" if row["sd"] is None else f"{row['low']:.1%} to {row['high']:.1%}"
        yield f"  {name:<{width}}{row['mean']:>12.1%}{sd:>12}{between:>16}   {by_seed}"
    for name, kept in told.get("not_trained", {}).items():
        yield f"  {name:<{width}}  not trained, it keeps {kept:,} of the {train['least']:,} pairs that a run takes"
