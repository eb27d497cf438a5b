"""What evaluations say, and the files in which they say it.

OUT/SET/TASK.json                metrics with their intervals, and more of that task
OUT/SET/predictions-TASK.parquet a row an image
OUT/results.json                 the model, and all that was measured of it
OUT/clip_benchmark/*.json        as CLIP_benchmark writes them
OUT/results.jsonl                as open_clip writes them
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import storage
from wit_builder.errors import ConfigError

ALL, BENCHMARK, LINES = "results.json", "clip_benchmark", "results.jsonl"
_SAME = ("weights_sha256", "fingerprint", "precision")  # of all results in one folder
_THEIR_TASKS = {
    "zero-shot": "zeroshot_classification",
    "retrieval": "zeroshot_retrieval",
    "linear-probe": "linear_probe",
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number that was measured, and between which the true one is."""

    value: float
    low: float | None  # None: there is no interval, and method says why
    high: float | None
    confidence: float  # of the interval, from 0 to 1
    n: int  # what was counted or drawn from
    method: str  # of the interval: clopper-pearson, bootstrap

    @property
    def ends(self) -> tuple[float, float]:
        """The interval as it is drawn, where there is none the value."""
        return (
            self.value if self.low is None else self.low,
            self.value if self.high is None else self.high,
        )


@dataclass(frozen=True, slots=True)
class Result:
    """One task on one set."""

    task: str  # zero-shot, linear-probe, few-shot, retrieval
    set: str
    split: str
    metrics: dict[str, Estimate]  # the first one is the set's own
    fingerprint: str  # of all that the numbers depend on
    more: dict[str, Any] = field(default_factory=dict)  # plain values
    predictions: pa.Table | None = None  # key, label, predicted, top5, score, right
    data_sha256: str = ""  # of the images alone: what two models must share to be compared


def write(out: Path, result: Result) -> None:
    """The result's own files; the JSON last, for what has one is finished."""
    folder = out / result.set
    if result.predictions is not None:
        with storage.whole(folder / f"predictions-{result.task}.parquet") as temporary:
            pq.write_table(result.predictions, temporary, compression="zstd")
    told = asdict(replace(result, predictions=None))
    del told["predictions"]
    _write_json(folder / f"{result.task}.json", told)


def read(out: Path, which: str, task: str, predictions: bool = False) -> Result | None:
    """What `write` wrote, None where it did not. Raises ConfigError for a file that is another."""
    path = out / which / f"{task}.json"
    if not path.exists():
        return None
    try:
        told = json.loads(path.read_bytes())
        metrics = {name: Estimate(**value) for name, value in told.pop("metrics").items()}
        table = pq.read_table(path.with_name(f"predictions-{task}.parquet")) if predictions else None
        return Result(metrics=metrics, predictions=table, **told)
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise ConfigError(
            f"{str(path)!r} is no result of `wit eval`: {error}", f"rm {quote(str(path))}"
        ) from error


def read_all(out: Path) -> tuple[dict[str, Any], list[Result]]:
    """What is said of the model, and its results without their predictions. Raises ConfigError for no such folder."""
    try:
        told = json.loads((out / ALL).read_bytes())
        model, names = told["model"], [(one["set"], one["task"]) for one in told["results"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{str(out)!r} holds no results: {ALL} cannot be read", f"wit eval --out {quote(str(out))} ..."
        ) from error
    return model, [found for which, task in names if (found := read(out, which, task))]


def refuse_other(out: Path, model: Mapping[str, Any]) -> None:
    """Raises ConfigError where OUT holds results of another model, or of this one measured otherwise."""
    before = read_all(out)[0] if (out / ALL).exists() else model
    for key in _SAME:
        if before.get(key) != model[key]:
            raise ConfigError(
                f"{str(out)!r} holds results of another run: {key} {before.get(key)!r}, now it is {model[key]!r}",
                "another --out",
            )


def write_all(out: Path, model: Mapping[str, Any], results: Iterable[Result]) -> None:
    """What is said of all of them together, and of those of the model that were there before, in three dialects."""
    there = read_all(out)[1] if (out / ALL).exists() else []
    results = list({(one.set, one.task): one for one in [*there, *results]}.values())
    told = [
        {
            "task": one.task,
            "set": one.set,
            "split": one.split,
            "metrics": {k: asdict(v) for k, v in one.metrics.items()},
        }
        for one in results
    ]
    _write_json(out / ALL, {"model": model, "results": told})
    for one in results:
        if one.task in _THEIR_TASKS:
            _write_json(out / BENCHMARK / f"{one.set}_{one.task}.json", _benchmark(model, one))
    storage.write_bytes(out / LINES, _line(model, results))


def _write_json(path: Path, value: object) -> None:
    """Keys as they come: the first metric is the set's own."""
    storage.write_bytes(path, json.dumps(value, indent=2).encode() + b"\n")


def _benchmark(model: Mapping[str, Any], result: Result) -> dict[str, Any]:
    """What `clip_benchmark build` reads; shares of 1, without intervals, as there."""
    return {
        "dataset": f"wds/{result.set}",
        "model": model["name"],
        "pretrained": model["checkpoint"],
        "task": _THEIR_TASKS[result.task],
        "metrics": {name: one.value for name, one in result.metrics.items()},
        "language": "en",
    }


def _line(model: Mapping[str, Any], results: Iterable[Result]) -> bytes:
    """One line, as open_clip's trainer appends one after each evaluation."""
    names = {"acc1": "top1", "acc5": "top5"}
    told: dict[str, Any] = {
        f"{one.set}-zeroshot-val-{names[name]}": value.value
        for one in results
        if one.task == "zero-shot"
        for name, value in one.metrics.items()
        if name in names
    }
    return json.dumps(told | {"model": model["name"], "pretrained": model["checkpoint"]}).encode() + b"\n"
