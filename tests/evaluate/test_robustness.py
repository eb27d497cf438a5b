"""Robustness to shifts of ImageNet, against published models."""

import json
import subprocess
import sys

import numpy as np
import pytest

from wit_builder.errors import ConfigError
from wit_builder.evaluate import measures, references, results, robustness, shift_plot
from wit_builder.evaluate.references import Reference
from wit_builder.evaluate.results import Result
from wit_builder.evaluate.robustness import Measured


def logit(share):
    return np.log(share / (1 - share))


def expit(value):
    return 1 / (1 + np.exp(-value))


def on_a_line(slope=0.9, intercept=-0.5, shares=(0.4, 0.5, 0.6, 0.7, 0.8), **more):
    """References whose logits lie on that line exactly."""
    return tuple(
        Reference(
            f"r{share}",
            "standard",
            {"imagenet1k": share, "imagenetv2": expit(intercept + slope * logit(share))} | more,
        )
        for share in shares
    )


def measured(model="mine", n=10_000, **shares):
    return Measured(
        model,
        {name.replace("_at_", "@"): measures.share(round(n * share), n) for name, share in shares.items()},
    )


def written(folder, **shares):
    """What `wit eval` writes."""
    found = [
        Result(
            "zero-shot",
            name.replace("_at_", "@"),
            "test",
            {"acc1": measures.share(round(1000 * share), 1000)},
            "f",
        )
        for name, share in shares.items()
    ]
    for one in found:
        results.write(folder, one)
    results.write_all(folder, {"name": "ViT-B-32", "checkpoint": "b32.pt"}, found)
    return folder


def test_the_line_through_logits_is_found():
    shift = robustness.shift("imagenetv2", [measured(imagenet1k=0.55, imagenetv2=0.5)], on_a_line())
    assert (shift.fit.models, shift.on) == (5, "imagenet1k")
    assert shift.fit.slope == pytest.approx(0.9)
    assert shift.fit.intercept == pytest.approx(-0.5)
    assert shift.fit.correlation == pytest.approx(1.0)
    assert (shift.fit.least, shift.fit.most) == (0.4, 0.8)


@pytest.mark.parametrize(("on", "shares"), [("imagenet1k", (0.7,) * 3), ("imagenetv2", (0.6, 0.7, 0.8))])
def test_through_models_of_one_accuracy_there_is_no_line(on, shares):
    known = tuple(Reference("r", "standard", {"imagenet1k": one, "imagenetv2": 0.6}) for one in shares)
    with pytest.raises(
        ConfigError, match=f"the 3 reference models of ImageNetV2 have one accuracy on {on}, [67]0.0%, and no"
    ):
        robustness.shift("imagenetv2", [measured(imagenet1k=0.55, imagenetv2=0.5)], known)
    assert robustness.shift("imagenetv2", [measured(imagenet1k=0.5, imagenetv2=0.5)], known[:2]).fit is None


@pytest.mark.parametrize(("above", "significant"), [(0.0, False), (0.05, True), (-0.05, True)])
def test_effective_robustness_is_what_is_above_the_line(above, significant):
    foretold = expit(-0.5 + 0.9 * logit(0.55))
    model = measured(imagenet1k=0.55, imagenetv2=foretold + above)
    (one,) = robustness.shift("imagenetv2", [model], on_a_line()).standings
    assert one.effective.value == pytest.approx(above, abs=1e-4)
    assert one.effective.low < one.effective.value < one.effective.high
    assert (one.effective.low > 0 or one.effective.high < 0) is significant
    assert one.gap.value == pytest.approx(0.55 - foretold - above, abs=1e-4)


def test_relative_robustness_is_what_is_above_the_baseline():
    models = [measured("a", imagenet1k=0.6, imagenetv2=0.5), measured("b", imagenet1k=0.5, imagenetv2=0.53)]
    first, second = robustness.shift("imagenetv2", models, on_a_line(), baseline="a").standings
    assert first.relative is None
    assert second.relative.value == pytest.approx(0.03)
    assert 0 < second.relative.low < 0.03 < second.relative.high


def test_the_interval_grows_when_the_line_is_less_sure():
    rng = np.random.default_rng(0)
    noisy = tuple(
        Reference(
            one.model,
            one.group,
            one.accuracy | {"imagenetv2": one.accuracy["imagenetv2"] + float(rng.normal(0, 0.03))},
        )
        for one in on_a_line()
    )
    model = measured(n=1_000_000, imagenet1k=0.55, imagenetv2=0.5)
    sure, unsure = (
        robustness.shift("imagenetv2", [model], some).standings[0].effective for some in (on_a_line(), noisy)
    )
    assert unsure.high - unsure.low > 5 * (sure.high - sure.low)


def test_only_models_trained_in_the_standard_way_make_the_line():
    other = Reference("more", "more data", {"imagenet1k": 0.6, "imagenetv2": 0.9})
    model = [measured(imagenet1k=0.55, imagenetv2=0.5)]
    with_it = robustness.shift("imagenetv2", model, (*on_a_line(), other))
    assert with_it.fit == robustness.shift("imagenetv2", model, on_a_line()).fit


def test_shares_without_a_logit_are_passed_over():
    none = Reference("none", "standard", {"imagenet1k": 0.7, "imagenetv2": 0.0})
    fit = robustness.shift("imagenetv2", [measured(imagenet1k=0.5, imagenetv2=0.0)], (*on_a_line(), none)).fit
    assert fit.models == 5


def test_too_few_references_give_no_line_and_no_number():
    shift = robustness.shift("imagenetv2", [measured(imagenet1k=0.55, imagenetv2=0.5)], on_a_line()[:2])
    assert shift.fit is None
    assert shift.standings[0].effective is None
    assert shift.standings[0].gap.value == pytest.approx(0.05)


def test_the_same_classes_are_compared_where_they_were_measured():
    known = references.carried()
    both = measured(**{"imagenet1k": 0.6, "imagenet1k_at_imagenet-a": 0.8, "imagenet-a": 0.1})
    assert robustness.shift("imagenet-a", [both], known).on == "imagenet1k@imagenet-a"
    whole = measured(**{"imagenet1k": 0.6, "imagenet-a": 0.1})
    assert robustness.shift("imagenet-a", [whole], known).on == "imagenet1k"
    assert robustness.shift("imagenet-r", [both], known) is None


def test_models_without_a_common_measure_are_one_sentence():
    some = measured("a", **{"imagenet1k": 0.6, "imagenet-a": 0.1})
    other = measured("b", **{"imagenet1k_at_imagenet-a": 0.8, "imagenet-a": 0.1})
    with pytest.raises(
        ConfigError, match="b has no result of imagenet1k, on which others are compared for ImageNet-A"
    ):
        robustness.shift("imagenet-a", [some, other], references.carried())
    alone = robustness.shift("imagenet-a", [other], on_a_line())
    assert (alone.on, alone.fit, len(alone.standings)) == ("imagenet1k@imagenet-a", None, 1)


def test_the_papers_zero_shot_model_is_robust_and_its_linear_probe_less_so():
    """Table 16's models against the carried line: figure 13 and section 3.3 say so of all seven shifts."""
    known = references.carried()
    rows = {one.model: one.accuracy for one in known if one.group == "clip"}
    for which in robustness.shifts():
        zero_shot, probe = (
            robustness.shift(
                which, [measured(n=50_000, **{"imagenet1k": row["imagenet1k"], which: row[which]})], known
            )
            .standings[0]
            .effective
            for row in rows.values()
        )
        assert zero_shot.low > 0
        assert zero_shot.value > probe.value


def test_what_is_carried_says_where_it_is_from():
    known = references.carried()
    assert len(known) == 37
    assert sum(one.group == "standard" for one in known) == 22
    assert all(0 < share < 1 for one in known for share in one.accuracy.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has the columns none"),
        ("model,group,imagenet1k\n", "has the columns model, group, imagenet1k"),
        (
            "model,group,imagenet1k,imagenetv2\na,standard,70,60\nb,standard,0.70,0.60\n",
            "line 3 of .* is no row of percentages: 0.70 on imagenet1k is a share of 1, and 70 is 70 %",
        ),
        ("model,group,imagenet1k,imagenetv2\na,standard,70,sixty\n", "line 2 of .* is no row of percentages"),
        ("model,group,imagenet1k,imagenetv2\na,standard,70,101\n", "101 is no share of 100"),
    ],
)
def test_references_that_cannot_be_read_are_one_sentence(tmp_path, text, said):
    (tmp_path / "own.csv").write_text(text)
    with pytest.raises(ConfigError, match=said):
        references.read(tmp_path / "own.csv")


def test_results_are_found_by_what_sets_are_called(tmp_path):
    folder = written(
        tmp_path / "b32", **{"ImageNet": 0.6, "wds_imagenetv2": 0.5, "imagenet_at_imagenet-a": 0.7}
    )
    found = robustness.measured(folder)
    assert found.model == "b32"
    assert set(found.accuracy) == {"imagenet1k", "imagenetv2", "imagenet1k@imagenet-a"}


def test_results_without_a_shift_are_one_sentence(tmp_path):
    with pytest.raises(
        ConfigError, match="holds zero-shot results of cifar10, imagenet1k, and robustness wants"
    ):
        robustness.measured(written(tmp_path, cifar10=0.5, imagenet1k=0.5))


def test_the_plot_is_the_same_for_the_same_numbers(tmp_path):
    known = references.carried()
    shift = robustness.shift("imagenetv2", [measured(imagenet1k=0.6, imagenetv2=0.55)], known)
    for name in ("one", "two"):
        shift_plot.write(shift, known, "ImageNetV2", tmp_path / name)
    for ending in ("png", "svg"):
        first, second = (
            (tmp_path / name / f"robustness-imagenetv2.{ending}").read_bytes() for name in ("one", "two")
        )
        assert first == second
        assert len(first) > 5_000


def test_the_command_writes_all_of_it(tmp_path):
    for name, share in (("a", 0.6), ("b", 0.7)):
        written(
            tmp_path / "results" / name,
            **{"imagenet1k": share, "imagenetv2": share - 0.1, "imagenet-r": share},
        )
    words = ["eval", "robustness", "results/a", "results/b", "--baseline", "a", "--out", "out"]
    ran = subprocess.run(
        [sys.executable, "-m", "wit_builder", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "ImageNetV2, against imagenet1k, line through 22 models of 58.1% to 83.1%" in ran.stdout
    assert "  b: 70.0% to 60.0%, effective " in ran.stdout
    assert ", relative +10.0 points" in ran.stdout
    told = json.loads((tmp_path / "out" / "robustness.json").read_bytes())
    assert set(told["shifts"]) == {"imagenetv2", "imagenet-r"}
    assert "beyond the line's models" not in ran.stdout
    assert told["mean"]["b"]["shifts"] == 2
    assert (tmp_path / "out" / "robustness-imagenet-r.svg").exists()
