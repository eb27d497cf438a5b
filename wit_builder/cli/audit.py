"""`wit audit`, and what belongs to it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wit_builder.cli import executors
from wit_builder.cli.folder import Folder
from wit_builder.cli.plain import Plain
from wit_builder.errors import ConfigError, many

if TYPE_CHECKING:
    from wit_builder.audit.asked import Asked


class _Share(click.ParamType[float]):
    """A share of 1 as a number or in percent: 0.005 or 0.5%."""

    name = "SHARE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            share = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self.fail(f"{value!r} is no share, such as 0.5% or 0.005", param, ctx)
        return share


COMMANDS: dict[str, str] = {  # name: module of a subcommand
    "label": "wit_builder.cli.audit_label",
    "train-detector": "wit_builder.cli.audit_detector",
}


@click.group(cls=Plain, modules=COMMANDS)
@click.option(
    "--shards",
    multiple=True,
    metavar="WORD",
    help="A tar, a folder, a glob or `{00..41}`, on a disk or in a store. May be given several times.",
)
@click.option(
    "--eval-set",
    multiple=True,
    metavar="SET",
    help="As for `wit eval`: a folder, a parquet file, a URL or wds/NAME. May be given several times.",
)
@click.option(
    "--detector",
    multiple=True,
    metavar="WORD",
    help="A learned one besides: detector.safetensors, MODEL:FILE=SIMILARITY or torchscript:FILE:SIDE=SIMILARITY.",
)
@click.option(
    "--threshold",
    multiple=True,
    metavar="[SET:]DETECTOR=SIMILARITY",
    help="From which similarity on two images are one; pdq=0.8789 is 31 of 256 bits. [default: by copies of the set]",
)
@click.option(
    "--neighbours",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    help="Nearest samples that are kept of each image.",
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="For the hashes of shards. [default: .audit beside them, else the user's cache]",
)
@click.option("--model", metavar="NAME", help="Adds what the overlap did to its accuracy; see `wit eval`.")
@click.option("--checkpoint", type=click.Path(dir_okay=False), metavar="FILE", help="Its weights.")
@click.option(
    "--results",
    type=Folder(path_type=Path),
    metavar="FOLDER",
    help="The same from a folder of `wit eval` on these sets, instead of a checkpoint.",
)
@click.option(
    "--canaries",
    type=click.IntRange(0, 10_000),
    default=1000,
    show_default=True,
    metavar="N",
    help="Images of each set of which a copy is made, to set thresholds and to see how many would be found.",
)
@click.option(
    "--fail-above",
    type=_Share(),
    help="Exit with 1 when more than this share of a set overlaps: 0.5% or 0.005.",
)
@click.option("--out", type=Folder(path_type=Path), help="Folder to write.")
@executors.decorate
@click.option("--quiet", is_flag=True, help="No progress; the result alone, on stdout.")
@click.option("--json", is_flag=True, help="Progress as JSON lines on stderr, audit.json on stdout.")
@click.pass_context
def command(
    ctx: click.Context,
    shards: tuple[str, ...],
    eval_set: tuple[str, ...],
    detector: tuple[str, ...],
    threshold: tuple[str, ...],
    neighbours: int,
    cache: Path | None,
    model: str | None,
    checkpoint: str | None,
    results: Path | None,
    canaries: int,
    fail_above: float | None,
    out: Path | None,
    workers: int | None,
    executor: str,
    address: str,
    quiet: bool,
    json: bool,
) -> int:
    """Find images of evaluation sets in shards, and the samples to leave out.

    Stopped or killed, the same command goes on. What is made of the shards is kept, for the next evaluation set.

    \b
    Example:
      wit audit --shards out/demo/shards --eval-set out/demo-eval --out out/audit
      wit train --shards out/demo/shards --exclude out/audit/exclude.parquet --out runs/clean

    Writes audit.json, report.html, overlap.parquet (who is near whom), images.parquet (what each image is) and
    exclude.parquet.
    """
    if ctx.invoked_subcommand is not None:
        return 0
    if out is None:
        raise ConfigError("wit audit writes a folder, and none is named", "--out FOLDER")
    if bool(model) != bool(checkpoint) or (model and results):
        raise ConfigError(
            "a model needs its checkpoint, and stands instead of --results", "--model NAME --checkpoint FILE"
        )
    from wit_builder.audit import labels, run
    from wit_builder.audit.asked import DETECTORS, Asked, thresholds
    from wit_builder.audit.finish import results_of
    from wit_builder.audit.learned.named import named
    from wit_builder.shardset import sources
    from wit_builder.shardset.cache import Cache

    results = results or results_of(out)
    asked = Asked(
        sources.shards(shards, Cache(), captioned=False),
        tuple(map(_from_anywhere, eval_set)),
        (*DETECTORS, *named(detector)),
        thresholds(threshold),
        neighbours=neighbours,
        canaries=canaries,
        cache=cache and cache.absolute(),
    )
    if not threshold:
        asked = labels.following(asked, labels.read(out), run.calibrated_in(out))
    where = {"workers": workers, "executor": executor, "address": address}
    run_audit(asked, out, where, quiet, json, results)
    if model:
        results = _evaluated(
            asked, out, {"model": model, "checkpoint": checkpoint, "quiet": quiet or json, **where}
        )
    finish(asked, out, results)
    return show(out, fail_above, json)


def _from_anywhere(word: str) -> str:
    """A path, with or without `@` and a shift, as it is called from any folder; other words for a set as they are."""
    if (path := Path(word).expanduser()).exists():
        return str(path.absolute())
    folder, at, shift = word.rpartition("@")
    return (
        f"{path.absolute()}{at}{shift}" if folder and (path := Path(folder).expanduser()).exists() else word
    )


def finish(asked: "Asked", out: Path, results: Path | None) -> None:
    """Write effects, leaks, recalls and page of the audit that is in OUT."""
    from wit_builder.audit import finish as finishing
    from wit_builder.audit.pictures import Pictures

    finishing.finish(out, Pictures(asked.opened, asked.shards), results)


def _evaluated(asked: "Asked", out: Path, values: dict[str, Any]) -> Path:
    """The folder of the model's results on the sets that have classes."""
    from wit_builder.cli import evaluated

    folders = tuple(
        folder for folder, one in zip(asked.sets, asked.opened, strict=True) if one.kind == "classes"
    )
    if not folders:
        raise ConfigError("no evaluation set has classes, so no accuracy can be split", "leave --model out")
    usual = {"tasks": "zero-shot", "split": "test", "cache": None, "precision": "bf16"}
    evaluated.measure(usual | values | {"eval_set": folders, "out": str(out / "results")})
    return out / "results"


def run_audit(
    asked: "Asked", out: Path, where: Mapping[str, Any], quiet: bool, json: bool, results: Path | None
) -> None:
    """Audit into OUT, or go on there. where: of executors.OPTIONS. results: that it will be finished with."""
    from wit_builder.audit import finish, run
    from wit_builder.cli import progress
    from wit_builder.cli.stopping import repeatable, stoppable

    watcher = progress.watcher(quiet=quiet, json=json, stages=run.STAGES)
    done = run.start(asked, out)
    finish.predictions(results, asked.opened, run.sets_in(out))
    if done:
        watcher.say(f"{out} is complete already")
        return
    with repeatable(), watcher, stoppable(watcher.say), executors.opened(where, watcher.say) as executor:
        run.run(asked, out, executor, watcher)


def show(out: Path, fail_above: float | None = None, json: bool = False) -> int:
    """Say what was found; 1 when more than `fail_above` of a set overlaps, else 0."""
    import orjson

    from wit_builder.audit.run import FILE
    from wit_builder.cli import complaint

    told = orjson.loads((out / FILE).read_bytes())
    if json:
        click.echo(orjson.dumps(told))
    else:
        for line in _lines(out, told):
            click.echo(line)
    above = [one["name"] for one in told["sets"] if fail_above is not None and one["share"] > fail_above]
    if above:
        complaint.say(f"more than {fail_above:.2%} of {', '.join(above)} lies in the shards")
    return 1 if above else 0


def _lines(out: Path, told: Mapping[str, Any]) -> Iterator[str]:
    from wit_builder.audit import canary, leakage

    sets, found = told["sets"], [one["id"] for one in told["detectors"]]
    width = max(len(name) for name in ["set", *(one["name"] for one in sets)])
    yield f"{many(len(sets), 'evaluation set')} against {many(told['samples'], 'sample')}"
    yield ""
    head = "".join(f"{name:>9}" for name in found)
    yield f"  {'set':<{width}}{'images':>10}{'overlap':>10}{'share':>9}  {head}"
    for one in sets:
        by = "".join(f"{one['found'][name]:>9,}" for name in found)
        yield f"  {one['name']:<{width}}{one['images']:>10,}{one['overlap']:>10,}{one['share']:>9.2%}  {by}"
    yield ""
    if told["cut"]:
        yield f"  {told['cut']}"
    if passed := told.get("passed_over"):
        said = ", ".join(f"{reason} {n:,}" for reason, n in passed.items())
        yield f"  shards: passed over {said}"
    for name, n in told["unreadable"].items():
        if n:
            yield f"  shards: {n:,} of {many(told['samples'], 'image')} cannot be read by {name}"
    for one in sets:
        apart = {"unreadable": one["unreadable"], **one["degenerate"]}
        if any(apart.values()):
            said = ", ".join(f"{n:,} {why}" for why, n in apart.items() if n)
            yield f"  {one['name']}: counted apart {said}"
    for one in sets:
        for detector, said in one["calibrated"].items():
            source = "as asked, or by labels" if detector in one["given"] else said["source"]
            yield f"  {one['name']}: {detector} from {one['thresholds'][detector]:.4f} on: {source}"
    for one in sets:
        if effect := one.get("effect"):
            yield f"  {one['name']}: {_effect(effect)}"
        if leaks := leakage.said(one["kind"], one.get("leaks", {})):
            yield f"  {one['name']}: {leaks}"
        for detector, tried in one.get("canaries", {}).items():
            said = ", ".join(f"{name} {share:.0%}" for name, share in canary.recalls(tried).items())
            wrong, copies = canary.mistaken(tried)
            yield f"  {one['name']}: of copies {detector} would find: {said}; wrong {wrong:,} of {copies:,} times"
    yield f"  pictures              {out / 'report.html'}"
    yield f"  who is near whom      {out / 'overlap.parquet'}"
    yield f"  what each image is    {out / 'images.parquet'}"
    yield f"  what to leave out     {out / 'exclude.parquet'} ({many(told['excluded'], 'sample')})"


def _effect(effect: Mapping[str, Any]) -> str:
    """In words: `All 41.0%, Clean 40.2%, Overlap 60.0%; All - Clean +0.8 points, p 0.012 (Holm 0.024)`."""
    shares = [
        f"{name} {effect[key]['right'] / effect[key]['count']:.1%}"
        for name, key in (("All", "all"), ("Clean", "clean"), ("Overlap", "overlap"))
        if effect[key]["count"]
    ]
    if effect["inflation"] is None:
        return f"{', '.join(shares)}; nothing is Clean, so there is nothing to compare with"
    said = f"{', '.join(shares)}; All - Clean {100 * effect['inflation']:+.2f} points, p {effect['p_greater']:.3g}"
    return said if effect["holm"] is None else f"{said} (Holm {effect['holm']:.3g})"
