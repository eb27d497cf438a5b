"""A finished audit with the scores of a model, what captions give away, and its page."""

import pyarrow as pa

from tests.audit import folders
from tests.audit.folders import audited, held, jpeg, shards, told
from wit_builder.audit.finish import finish, results_of
from wit_builder.audit.pictures import Pictures
from wit_builder.evaluate import results
from wit_builder.evaluate.results import Estimate, Result


def pictures(tmp_path, *sets):
    asked = folders.asked(tmp_path, *sets)
    return Pictures(asked.opened, asked.shards)


def world(tmp_path):
    """Samples 0 to 2; a set of samples 0 and 1 and of two others. Sample 1 says what it shows."""
    said = {1: {"caption": "a thing"}}
    shards(tmp_path / "shards", [jpeg(n) for n in range(3)], said=lambda n: said.get(n, {}))
    return held(tmp_path / "mine", [jpeg(0), jpeg(1), jpeg(70), jpeg(71)])


def test_leaks_are_counted_by_image_and_effects_come_with_results(tmp_path):
    mine = world(tmp_path)
    out = audited(tmp_path, mine)
    finish(out, pictures(tmp_path, mine), None)
    (one,) = told(out)["sets"]
    assert one["leaks"] == {"class": 1, "image": 1}
    assert "effect" not in one
    assert "All - Clean" not in (out / "report.html").read_text()

    right = pa.table(
        {
            "key": [f"thing/{n}.jpg" for n in range(4)],
            "label": [0] * 4,
            "right": [True, True, False, True],
        }
    )
    images = told(out)["asked"]["sets"]["mine"]
    accuracy = Estimate(0.75, 0.1, 0.99, 0.995, 4, "clopper-pearson")
    results.write(
        tmp_path / "res", Result("zero-shot", "mine", "test", {"acc1": accuracy}, "f", {}, right, images)
    )
    finish(out, pictures(tmp_path, mine), tmp_path / "res")
    effect = told(out)["sets"][0]["effect"]
    assert (effect["overlap"], effect["clean"]) == ({"right": 2, "count": 2}, {"right": 1, "count": 2})
    assert effect["inflation"] == 0.25
    assert "+25.00" in (out / "report.html").read_text()
    assert results_of(out) == tmp_path / "res"

    finish(out, pictures(tmp_path, mine), None)  # results that are not given again are not in it
    assert "effect" not in told(out)["sets"][0]
    assert results_of(out) is None


def test_recall_is_told_at_the_threshold_in_use(tmp_path):
    mine = world(tmp_path)
    out = audited(tmp_path, mine)
    finish(out, pictures(tmp_path, mine), None)
    (one,) = told(out)["sets"]
    assert [(entry["transform"], entry["tried"]) for entry in one["canaries"]["pdq"]] == [
        ("crop", 1),
        ("rotation", 1),
        ("aspect", 1),
        ("scale", 1),
    ]
    assert "What pdq finds of copies of these images" in (out / "report.html").read_text()

    audited(tmp_path, mine, thresholds=(("", "pdq", 0.0),))
    finish(out, pictures(tmp_path, mine), None)
    assert all(entry["found"] == 1 for entry in told(out)["sets"][0]["canaries"]["pdq"])
