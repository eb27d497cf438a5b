"""Is one model better than another? Paired tests on the same samples, over all sets and tasks that both have."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from wit_builder import stats
from wit_builder.errors import ConfigError
from wit_builder.evaluate import metrics, results
from wit_builder.evaluate.metrics import Ranked, Statistic
from wit_builder.evaluate.results import Result

CONFIDENCE = 0.95  # of a difference's interval
SIGNIFICANT = 1 - CONFIDENCE  # p, adjusted, below which one is called better
MCNEMAR, BOOTSTRAP = "McNemar, exact", "paired bootstrap"

Shares = npt.NDArray[Any]  # bool, whether each was right; or float64, how far


@dataclass(frozen=True, slots=True)
class Compared:
    """A metric of two models on the same n samples or queries. difference: the second one's less the first one's."""

    set: str
    task: str
    metric: str
    n: int
    first: float
    second: float
    difference: float
    low: float  # of the difference, at CONFIDENCE, by paired bootstrap
    high: float
    p: float  # of no difference, two-sided
    test: str
    adjusted: float = 1.0  # p among all comparisons that were made (Holm)

    @property
    def verdict(self) -> str:
        """`better`, `worse`, or `not told apart`."""
        if self.adjusted >= SIGNIFICANT:
            return "not told apart"
        return "better" if self.difference > 0 else "worse"


def compare(first: Path, second: Path) -> list[Compared]:
    """The second folder's results beside the first one's, each set's own metric of each task.

    Few-shot results are means of a few draws and not among them. Raises ConfigError for results of different images,
    and where there is nothing that both have.
    """
    pairs = list(_pairs(first, second))
    found = [one for pair in pairs for one in _compared(*pair)]
    if not found:
        raise ConfigError(
            f"{str(first)!r} and {str(second)!r} have no task of a set in common",
            "the same --eval-set and --tasks",
        )
    return [
        replace(one, adjusted=p) for one, p in zip(found, stats.holm([one.p for one in found]), strict=True)
    ]


def told(found: Sequence[Compared], first: Path, second: Path) -> dict[str, Any]:
    """As plain values."""
    return {
        "first": str(first),
        "second": str(second),
        "confidence": CONFIDENCE,
        "comparisons": [asdict(one) | {"verdict": one.verdict} for one in found],
    }


@dataclass(frozen=True, slots=True)
class Paired:
    """What a paired test says: both values, differences resampled, p and the test."""

    first: float
    second: float
    resamples: stats.Floats
    p: float
    test: str

    @property
    def difference(self) -> float:
        """The second one's less the first one's."""
        return self.second - self.first


def of_shares(first: Shares, second: Shares) -> Paired:
    """Means over the same n samples: by McNemar's test where each is right or wrong, else by paired bootstrap."""
    resamples = stats.resamples_of_mean(second.astype(np.float64) - first)
    if first.dtype == bool and second.dtype == bool:
        p, test = stats.mcnemar(first, second), MCNEMAR
    else:
        p, test = stats.sides_of_zero(resamples), BOOTSTRAP
    return Paired(float(first.mean()), float(second.mean()), resamples, p, test)


def of_statistics(first: Statistic, second: Statistic, count: int) -> Paired:
    """Metrics that are no means over the same samples, so many: by paired bootstrap."""
    resamples = stats.resamples(lambda at: second(at) - first(at), count)
    every = np.arange(count)
    return Paired(first(every), second(every), resamples, stats.sides_of_zero(resamples), BOOTSTRAP)


def _pairs(first: Path, second: Path) -> Iterator[tuple[Result, Result]]:
    others = {(one.set, one.task) for one in results.read_all(second)[1]}
    for one in results.read_all(first)[1]:
        if (one.set, one.task) in others and _metrics(one):
            yield _read(first, one), _read(second, one)


def _read(out: Path, which: Result) -> Result:
    found = results.read(out, which.set, which.task, predictions=True)
    assert found is not None and found.predictions is not None
    return found


def _metrics(result: Result) -> list[str]:
    """Those to compare: of retrieval recall at 1 both ways, else the set's own."""
    if result.task == "retrieval":
        return [name for name in result.metrics if name.endswith("recall@1")]
    return [name for name in list(result.metrics)[:1] if name.removeprefix("lp_") in metrics.METRICS]


def _compared(first: Result, second: Result) -> Iterator[Compared]:
    _check(first, second)
    assert first.predictions is not None and second.predictions is not None
    for metric in _metrics(first):
        _check_margins(metric, first, second)
        a, b = (_answers(metric, table) for table in (first.predictions, second.predictions))
        shares = isinstance(a, np.ndarray)
        n = len(a) if shares else first.predictions.num_rows
        found = of_shares(a, b) if shares else of_statistics(a, b, n)
        if np.isnan(found.difference):
            raise ConfigError(
                f"{metric} of {first.task} on {first.set!r} is not defined: its images are all of one kind",
                "a set with images of both classes, or with labels",
            )
        low, high = stats.percentile(found.resamples, CONFIDENCE)
        yield Compared(
            first.set,
            first.task,
            metric,
            n,
            found.first,
            found.second,
            found.difference,
            low,
            high,
            found.p,
            found.test,
        )


def _check(first: Result, second: Result) -> None:
    """Raises ConfigError unless both are of the same images with the same labels."""
    own = ("wanted", "key", "caption", "label", "labels")
    tables = [
        one.predictions.select([name for name in one.predictions.column_names if name in own])
        for one in (first, second)
        if one.predictions is not None
    ]
    alike = (first.split, first.data_sha256) == (second.split, second.data_sha256) and tables[0].equals(
        tables[1]
    )
    if not alike:
        raise ConfigError(
            f"the two results of {first.task} on {first.set!r} are of different images or labels "
            f"({first.split}, {tables[0].num_rows:,} rows; {second.split}, {tables[1].num_rows:,} rows)",
            "evaluate both on the same --eval-set",
        )


def _check_margins(metric: str, *both: Result) -> None:
    """Raises ConfigError for results that do not hold what ROC AUC ranks by."""
    for one in both:
        assert one.predictions is not None
        if metric.removeprefix("lp_") == "roc_auc" and "margin" not in one.predictions.column_names:
            raise ConfigError(
                f"the predictions of {one.task} on {one.set!r} have no column `margin`, by which {metric} ranks",
                "evaluate once more into another --out",
            )


def _answers(metric: str, table: pa.Table) -> Any:
    """What the metric is the mean of, [n]; or where it is no mean, the metric of samples at any positions."""
    name = metric.removeprefix("lp_")
    if "@" in name:
        wanted, places = name.split("_", 1)[0], int(name.rpartition("@")[2])
        return _column(table.filter(pc.equal(table["wanted"], wanted)), "rank") < places
    if "scores" in table.column_names:
        return _several(name, table)
    labels, right = _column(table, "label"), _column(table, "right")
    if name == "acc1":
        return right
    if name in ("acc5", "top1_top5_mean"):
        among = np.array([label in top for label, top in zip(labels, table["top5"].to_pylist(), strict=True)])
        return among if name == "acc5" else (right.astype(np.float64) + among) / 2
    if name == "roc_auc":
        return Ranked(labels, _column(table, "margin")).roc_auc
    return lambda at: metrics.mean_per_class(labels, right, at)


def _several(metric: str, table: pa.Table) -> Statistic:
    scores = np.array(table["scores"].to_pylist(), np.float32)
    labels = np.zeros(scores.shape, np.uint8)
    for row, own in zip(labels, table["labels"].to_pylist(), strict=True):
        row[own] = 1
    return metrics.statistic(metric, labels, scores)


def _column(table: pa.Table, name: str) -> Any:
    return table[name].combine_chunks().to_numpy(zero_copy_only=False)
