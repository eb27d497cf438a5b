"""Runs `wit train`: options become settings, settings a run, and its end a few lines."""

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wit_builder import build, storage, store
from wit_builder.cli import steps, typed
from wit_builder.errors import ConfigError
from wit_builder.model import load
from wit_builder.train.settings import Training, deviations, preset

if TYPE_CHECKING:
    from wit_builder.model.ranks import Ranks
    from wit_builder.train.loop import Outcome, Run
    from wit_builder.train.telemetry import Sink

Values = Mapping[str, Any]
_BOARDS = ("tensorboard", "wandb")  # modules, extras and options of one name


def run(values: Values) -> None:
    """Do what the options say. Raises ConfigError before anything is started."""
    load.require("wit train")
    warnings.filterwarnings("ignore", category=FutureWarning)  # torch's, of names that torch itself uses
    _check_out(values["out"])
    training = settings(values)
    from wit_builder.model.ranks import joined

    with joined() as ranks, steps.display(values["quiet"] or not ranks.first) as shown, once(ranks):
        for line in deviations(training):
            shown.say(f"deviates: {line}")
        if values["check"]:
            _check(training, values, ranks)
        elif values["study"]:
            _study(training, values, ranks, shown)
        else:
            _train(training, values, ranks, shown)


def _check_out(out: str) -> None:
    if not out or store.protocol(out):
        raise ConfigError(
            f"--out is {out!r}, and `wit train` writes into a folder of this machine", "--out FOLDER"
        )


@contextmanager
def once(ranks: "Ranks") -> Iterator[None]:
    """What is wrong before the start is wrong on all ranks, and the first one says it."""
    try:
        yield
    except ConfigError:
        if ranks.first:
            raise
        sys.exit(2)


def settings(values: Values) -> Training:
    """The preset of the model with what the options say instead. Raises ConfigError that names the field."""
    from wit_builder.shardset.sources import weighed

    if values["samples"] and values["epochs"]:
        raise ConfigError("--samples and --epochs both say how long to train", "give one of them")
    words, weights = weighed(values["shards"])
    named = {field.name for field in fields(Training)} - {"model", "sources", "weights"}
    given = {name: values[name] for name in named if values.get(name) is not None}
    return replace(preset(values["model"]), sources=words, weights=weights, **given)


def _train(training: Training, values: Values, ranks: "Ranks", shown: steps.Silent) -> None:
    from wit_builder.cli import checked
    from wit_builder.train import start

    made = start.trainer(training, _run_of(values), ranks, **_inputs(values))
    shown.say(f"{training.model} on {made.data.samples:,} samples, {made.data.steps:,} steps an epoch")
    if problem := made.data.problem:
        shown.say(f"problem: {problem}")
    if passed := made.data.passed_over:
        shown.say(f"passed over: {', '.join(f'{reason} {n:,}' for reason, n in passed.items())}")
    for line in checked.warm_up(made.steps, training):
        shown.say(line)
    for line in checked.pieces(training, ranks.world, made.network.has_batch_norms):
        shown.say(line)
    with _alone(Path(values["out"]), ranks):
        outcome = made.train(shown, _sinks(training, values, ranks))
    if ranks.first:
        _result(outcome, training, Path(values["out"]))


@contextmanager
def _alone(out: Path, ranks: "Ranks") -> Iterator[None]:
    """Keep every other command out of OUT. Raises ConfigError when one is in it."""
    with ExitStack() as stack:
        if ranks.first:
            with storage.plain_errors(out):
                out.mkdir(parents=True, exist_ok=True)
            stack.enter_context(build.only_one(out))
        yield


def _check(training: Training, values: Values, ranks: "Ranks") -> None:
    from wit_builder.cli import checked
    from wit_builder.train import start, telemetry

    if ranks.first:
        start.held_out_sets([Path(folder) for folder in values["eval_set"]])
        for board in _BOARDS:
            if values[board]:
                telemetry.need(board)
        seen = start.look(training, exclude=values["exclude"] or "")
        for line in checked.lines(seen, training, ranks.world):
            click.echo(line)
        if seen.trouble:
            raise seen.trouble


def _study(training: Training, values: Values, ranks: "Ranks", shown: steps.Silent) -> None:
    from wit_builder.train import study

    with _alone(Path(values["out"]), ranks):
        drawn = study.efficiency(training, _run_of(values), ranks, shown, **_inputs(values))
    if drawn is None:
        if ranks.first:
            click.echo("stopped")
            click.echo(f"go on with: {typed.same()}", err=True)
    elif ranks.first:
        for name, points in drawn.items():
            click.echo(f"{name}: top-1 {points[-1][1]:.1%} after {points[-1][0]:,.0f} images")
        click.echo(str(Path(values["out"]) / study.PICTURE))


def _run_of(values: Values) -> "Run":
    from wit_builder.train.loop import Run

    return Run(
        out=Path(values["out"]),
        resume=values["resume"],
        save_every=values["save_every"] or 0,
        eval_every=values["eval_every"] or 0,
        log_every=values["log_every"],
        keep=values["keep"],
        keep_every=values["keep_every"] or 0,
        spread="fsdp" if values["fsdp"] else "ddp",
    )


def _inputs(values: Values) -> dict[str, Any]:
    from wit_builder.train import start

    return {
        "workers": start.readers() if values["workers"] is None else values["workers"],
        "eval_sets": [Path(folder) for folder in values["eval_set"]],
        "exclude": values["exclude"] or "",
    }


def _sinks(training: Training, values: Values, ranks: "Ranks") -> "list[Sink]":
    from dataclasses import asdict

    from wit_builder.train import telemetry

    out, found = Path(values["out"]), list[telemetry.Sink]()
    if ranks.first and values["tensorboard"]:
        found.append(telemetry.TensorBoard(out / "tensorboard"))
    if ranks.first and values["wandb"]:
        found.append(telemetry.WeightsAndBiases(values["wandb"], out, asdict(training)))
    return found


def _result(outcome: "Outcome", training: Training, out: Path) -> None:
    """What the run came to, on stdout; what to type next, on stderr."""
    click.echo(f"{outcome.state} at step {outcome.step:,} of {outcome.steps:,}")
    for told in outcome.scores:
        when = "" if told["step"] == outcome.step else f", at step {told['step']:,}"
        click.echo(f"{steps.score(told)}{when}")
    if outcome.skipped:
        click.echo(f"skipped: {', '.join(f'{reason} {n:,}' for reason, n in outcome.skipped.items())}")
    if outcome.best:
        click.echo(f"best: step {outcome.best.step:,}, {outcome.best.score:.1%}")
    click.echo(f"checkpoint: {outcome.checkpoint}" if outcome.checkpoint else "no checkpoint was written")
    if outcome.state == "stopped":
        click.echo(f"go on with: {typed.resumed()}", err=True)
    elif outcome.checkpoint and training.is_open_clip:
        click.echo(f"next: {typed.command('export', outcome.checkpoint, '--out', out / 'export')}", err=True)
