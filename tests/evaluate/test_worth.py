"""How many images zero-shot is worth is read from results of the same images, and drawn."""

import io
import json
from dataclasses import replace

import pytest
from PIL import Image

from wit_builder.evaluate import results, worth, worth_plot
from wit_builder.evaluate.results import Estimate, Result
from wit_builder.evaluate.worth import Worth

MODEL = {"name": "tiny", "checkpoint": "tiny.pt"}


def estimate(value):
    return Estimate(value, value - 0.02, value + 0.02, 0.95, 5, "t, over draws")


SHOTS = {1: 0.2, 2: 0.3, 4: 0.4}
FEW = Result(
    "few-shot",
    "set",
    "test",
    {f"acc1_{shots}_shot": estimate(value) for shots, value in SHOTS.items()},
    "f",
    {"metric": "acc1", "shots": [{"shots": shots} for shots in SHOTS], "trained_on_a_class": 64.0},
    data_sha256="d",
)
ZERO = Result("zero-shot", "set", "test", {"acc1": estimate(0.35)}, "z", data_sha256="d")
PROBE = Result("linear-probe", "set", "test", {"lp_acc1": estimate(0.6)}, "f", data_sha256="d")


def written(out, *found):
    for one in found:
        results.write(out, one)
    results.write_all(out, MODEL, found)
    worth.write(out)
    return json.loads((out / worth.FILE).read_bytes())["sets"][0] if (out / worth.FILE).exists() else None


def test_zero_shot_between_two_shots_is_worth_what_lies_between(tmp_path):
    told = written(tmp_path, FEW, ZERO, PROBE)
    assert told["equivalent"] == pytest.approx(2 * 2**0.5) and told["words"] == "2.83"
    assert {path.name for path in tmp_path.glob("*.*g")} == {
        f"{name}.{ending}" for name in (worth.CURVES, worth.BARS) for ending in ("png", "svg")
    }


def test_beyond_the_shots_the_whole_training_split_says_how_far(tmp_path):
    better = replace(ZERO, metrics={"acc1": estimate(0.5)})
    assert written(tmp_path / "a", FEW, better, PROBE)["equivalent"] == pytest.approx(16)
    assert written(tmp_path / "b", FEW, better)["words"] == "> 4"
    best = replace(ZERO, metrics={"acc1": estimate(0.7)})
    assert written(tmp_path / "c", FEW, best, PROBE)["words"] == "> 64"


def test_shots_without_an_interval_are_drawn_too(tmp_path):
    all_of_them = Estimate(0.4, None, None, 0.95, 5, "none: all draws take the same images")
    few = replace(FEW, metrics=FEW.metrics | {"acc1_4_shot": all_of_them})
    assert written(tmp_path, few, ZERO)["shots"]["4"]["low"] is None
    assert (tmp_path / f"{worth.CURVES}.png").exists()


def test_results_of_other_images_say_nothing_of_these(tmp_path):
    assert written(tmp_path / "a", FEW, replace(ZERO, data_sha256="e"))["words"] == ""
    assert written(tmp_path / "b", FEW, ZERO, replace(PROBE, fingerprint="other"))["whole"] is None


def test_without_few_shot_results_nothing_is_written(tmp_path):
    assert written(tmp_path, ZERO) is None
    assert not list(tmp_path.glob("*.png"))


def some(count):
    values = ((3.0, "3"), (None, "< 1"), (None, "> 200"), (184.0, "184"))
    return [
        Worth(
            f"set {at}",
            "acc1",
            {k: estimate(v) for k, v in SHOTS.items()},
            estimate(0.3),
            None,
            9.0,
            *values[at % 4],
        )
        for at in range(count)
    ]


@pytest.mark.parametrize("draw", [worth_plot.curves, worth_plot.bars])
@pytest.mark.parametrize("count", [1, 4, 27])
def test_it_is_a_picture_whatever_the_number_of_sets(tmp_path, draw, count):
    worth_plot.write(draw(some(count)), tmp_path / "a")
    worth_plot.write(draw(some(count)), tmp_path / "b")
    wide, high = Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())).size
    assert 800 < wide < 1_000 and 200 < high < 1_300
    for ending in ("png", "svg"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()
