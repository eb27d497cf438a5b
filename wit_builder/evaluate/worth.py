"""How many labelled images zero-shot is worth (figures 6 and 7), from the results of zero-shot, few-shot and probe.

OUT/few-shot.json           of each set its scores by images a class, and how many of them zero-shot equals
OUT/few-shot.png, .svg      scores by images a class, as figure 6 has them
OUT/zero-shot-worth.png, .svg    images a class that zero-shot equals, as figure 7 has them
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from wit_builder import storage
from wit_builder.evaluate import few_shot, results, worth_plot, zero_shot
from wit_builder.evaluate import probe as probes
from wit_builder.evaluate.results import Estimate, Result

FILE, CURVES, BARS = "few-shot.json", "few-shot", "zero-shot-worth"


@dataclass(frozen=True, slots=True)
class Worth:
    """Of one set. equivalent: images a class that zero-shot equals, None beyond what was measured; words: that."""

    set: str
    metric: str
    shots: Mapping[int, Estimate]  # by images a class
    zero_shot: Estimate | None
    whole: Estimate | None  # the probe on the whole training split
    whole_shots: float  # its images a class, their mean
    equivalent: float | None
    words: str  # `3.7`, `< 1`, `> 16`; "" where there is no zero-shot result


def write(out: Path) -> None:
    """The files, for the few-shot results in OUT, where there are any."""
    told = every(out)
    if not told:
        return
    plain = [asdict(one) | {"shots": {str(k): asdict(v) for k, v in one.shots.items()}} for one in told]
    storage.write_json(out / FILE, {"sets": plain})
    worth_plot.write(worth_plot.curves(told), out / CURVES)
    if any(one.words for one in told):
        worth_plot.write(worth_plot.bars([one for one in told if one.words]), out / BARS)


def every(out: Path) -> list[Worth]:
    """Of each few-shot result in OUT."""
    return [worth(out, one) for one in results.read_all(out)[1] if one.task == few_shot.TASK]


def worth(out: Path, result: Result) -> Worth:
    """Of one few-shot result, beside what zero-shot and the probe came to on the same images."""
    metric, whole_shots = result.more["metric"], result.more["trained_on_a_class"]
    shots = {row["shots"]: result.metrics[f"{metric}_{row['shots']}_shot"] for row in result.more["shots"]}
    untaught = results.read(out, result.set, zero_shot.TASK)
    whole = results.read(out, result.set, probes.TASK)
    zero = untaught.metrics.get(metric) if untaught and untaught.data_sha256 == result.data_sha256 else None
    full = whole.metrics.get(f"lp_{metric}") if whole and whole.fingerprint == result.fingerprint else None
    scores = {float(k): one.value for k, one in shots.items()}
    if full and whole_shots > max(scores):
        scores[whole_shots] = full.value
    equivalent, words = few_shot.equivalent(zero.value, scores) if zero else (None, "")
    return Worth(result.set, metric, shots, zero, full, whole_shots, equivalent, words)
