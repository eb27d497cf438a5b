"""Evaluations that go on where they stopped, and the files that they leave."""

import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from tests.evaluate.folders import ALONE, folders, saved
from tests.model import tiny
from wit_builder.errors import ConfigError
from wit_builder.evalset import sets
from wit_builder.evaluate import results, run
from wit_builder.evaluate.results import Estimate, Result
from wit_builder.model.loaded import opened


class Shown:
    """A display with a memory."""

    def __init__(self):
        self.seen = []

    def begin(self, name, images):
        self.seen.append((name, images))

    def done(self, images):
        self.seen.append(images)

    def say(self, sentence):
        self.seen.append(sentence)


def measured(folder, *eval_sets, loaded=None, tasks=("zero-shot",), precision="fp32", split="test"):
    """The results of a run in that folder, and what was seen of it."""
    shown = Shown()
    found = run.run(
        loaded or opened(*tiny.files()),
        [sets.read(one, split) for one in eval_sets],
        tasks,
        folder / "results",
        cache=folder / "cache",
        ranks=ALONE,
        precision=precision,
        shown=shown,
    )
    return found, shown.seen


def test_each_task_of_each_set_has_its_files(tmp_path):
    found, seen = measured(tmp_path, folders(tmp_path / "a"), folders(tmp_path / "b", per_class=3))
    assert seen == [("a", 24), 24, ("b", 18), 18]
    out = tmp_path / "results"
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.*")) == [
        "a/predictions-zero-shot.parquet",
        "a/zero-shot.json",
        "b/predictions-zero-shot.parquet",
        "b/zero-shot.json",
        "clip_benchmark/a_zero-shot.json",
        "clip_benchmark/b_zero-shot.json",
        "results.json",
        "results.jsonl",
    ]
    model, told = results.read_all(out)
    assert told == [replace(one, predictions=None) for one in found]
    assert next(iter(told[0].metrics)) == "acc1"
    assert model["weights_sha256"] == opened(*tiny.files()).weights_sha256
    rows = pq.read_table(out / "a" / "predictions-zero-shot.parquet")
    assert rows.column_names == ["key", "label", "predicted", "top5", "score", "right"]
    assert sum(rows["right"].to_pylist()) / 24 == found[0].metrics["acc1"].value


def test_what_is_finished_is_not_done_again(tmp_path, monkeypatch):
    first, _ = measured(tmp_path, folders(tmp_path / "a"))
    done = []
    whole = run.TASKS["zero-shot"]
    counted = replace(whole, evaluate=lambda work: done.append(work.which.name) or whole.evaluate(work))
    monkeypatch.setitem(run.TASKS, "zero-shot", counted)
    again, _ = measured(tmp_path, tmp_path / "a", folders(tmp_path / "b"))
    assert done == ["b"]
    assert again[0] == replace(first[0], predictions=None)
    assert [one.set for one in results.read_all(tmp_path / "results")[1]] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classnames.txt", "a\nb\nc\nd\ne\nf\n"),
        ("zeroshot_classification_templates.txt", "{c}!\n"),
        ("0 blue thing/0.jpg", None),
    ],
)
def test_what_is_of_another_set_is_done_again(tmp_path, name, text):
    folder = folders(tmp_path / "a")
    first, _ = measured(tmp_path, folder)
    (folder / name).write_bytes(tiny.picture(999, kind="jpeg") if text is None else text.encode())
    again, _ = measured(tmp_path, folder)
    assert again[0].fingerprint != first[0].fingerprint
    assert again[0].predictions is not None


def test_results_of_two_checkpoints_do_not_mix(tmp_path):
    first = opened(*tiny.files())
    measured(tmp_path, folders(tmp_path / "a"), loaded=first)
    with pytest.raises(ConfigError, match="holds results of another run: weights_sha256") as caught:
        measured(tmp_path, tmp_path / "a", loaded=opened(*saved(tmp_path, seed=1)))
    assert caught.value.hint == "another --out"
    quick = opened(*saved(tmp_path, tiny.CONFIG | {"quick_gelu": True}))  # the same weights, another network
    with pytest.raises(ConfigError, match="another run: fingerprint"):
        measured(tmp_path, tmp_path / "a", loaded=replace(quick, weights_sha256=first.weights_sha256))
    with pytest.raises(ConfigError, match="precision 'fp32', now it is 'bf16'"):
        measured(tmp_path, tmp_path / "a", precision="bf16")


def test_of_two_checkpoints_at_once_the_first_to_write_has_the_folder(tmp_path, monkeypatch):
    a, b = folders(tmp_path / "a"), folders(tmp_path / "b")
    whole = run.TASKS["zero-shot"]

    def overtaken(work):
        monkeypatch.setitem(run.TASKS, "zero-shot", whole)
        measured(tmp_path, a, loaded=opened(*saved(tmp_path, seed=1)))
        return whole.evaluate(work)

    monkeypatch.setitem(run.TASKS, "zero-shot", replace(whole, evaluate=overtaken))
    with pytest.raises(ConfigError, match="holds results of another run: weights_sha256"):
        measured(tmp_path, b)
    assert [one.set for one in results.read_all(tmp_path / "results")[1]] == ["a"]
    assert not (tmp_path / "results" / "b").exists()


def test_another_split_of_a_set_does_not_take_the_place_of_the_first(tmp_path):
    for split in ("test", "val"):
        folders(tmp_path / "a" / split)
    measured(tmp_path, tmp_path / "a")
    with pytest.raises(ConfigError, match="holds results of the split 'test' of 'a', now it is 'val'"):
        measured(tmp_path, tmp_path / "a", split="val")
    assert results.read(tmp_path / "results", "a", "zero-shot").split == "test"


def test_a_task_that_nobody_knows_and_two_sets_of_one_name_are_refused_before_anything_is_embedded(tmp_path):
    folder, twin = folders(tmp_path / "a"), folders(tmp_path / "other" / "a")
    with pytest.raises(ConfigError, match="no task is called 'zeroshot'"):
        measured(tmp_path, folder, tasks=("zero-shot", "zeroshot"))
    with pytest.raises(ConfigError, match="two evaluation sets are called 'a'"):
        measured(tmp_path, folder, twin)
    assert not (tmp_path / "cache").exists()


def test_a_file_that_is_no_result_is_one_sentence(tmp_path):
    measured(tmp_path, folders(tmp_path / "my a"))
    path = tmp_path / "results" / "my a" / "zero-shot.json"
    path.write_text('{"metrics": 3}')
    with pytest.raises(ConfigError, match="is no result of `wit eval`") as caught:
        measured(tmp_path, tmp_path / "my a")
    assert caught.value.hint == f"rm '{path}'"
    with pytest.raises(ConfigError, match="holds no results"):
        results.read_all(tmp_path / "a")


def test_clip_benchmarks_file_has_its_fields(tmp_path):
    found, _ = measured(tmp_path, folders(tmp_path / "a"))
    told = json.loads((tmp_path / "results" / "clip_benchmark" / "a_zero-shot.json").read_text())
    assert set(told) == {"dataset", "model", "pretrained", "task", "metrics", "language"}
    assert (told["dataset"], told["task"]) == ("wds/a", "zeroshot_classification")
    assert told["metrics"]["acc1"] == found[0].metrics["acc1"].value


def test_open_clips_line_has_top_one_and_top_five(tmp_path):
    found, _ = measured(tmp_path, folders(tmp_path / "a"))
    line = json.loads((tmp_path / "results" / "results.jsonl").read_text())
    assert line["a-zeroshot-val-top1"] == found[0].metrics["acc1"].value
    assert line["a-zeroshot-val-top5"] == found[0].metrics["acc5"].value


def test_a_result_is_read_as_it_was_written(tmp_path):
    result = Result(
        "few-shot", "a", "test", {"b": Estimate(0.5, 0.4, 0.6, 0.99, 10, "bootstrap")}, "f", {"x": [1]}
    )
    results.write(tmp_path, result)
    assert results.read(tmp_path, "a", "few-shot") == result
    assert results.read(tmp_path, "a", "retrieval") is None
