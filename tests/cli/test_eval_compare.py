"""`wit eval compare`: a line for each comparison, and refusals of one sentence."""

import json

import numpy as np

from tests.evaluate.test_compare import answered, result, written


def test_a_line_says_which_is_better_and_by_how_much(wit, tmp_path):
    first = written(tmp_path / "a", result(answered(0.5, 1)))
    second = written(tmp_path / "b", result(answered(0.7, 2)))
    said = wit("eval", "compare", str(first), str(second))
    assert said.code == 0, said.err
    head, columns, line = said.out.splitlines()
    assert head == f"{second} beside {first}" and columns.split()[:3] == ["set", "task", "metric"]
    a, b = (np.mean(answered(*one)["right"]) for one in ((0.5, 1), (0.7, 2)))
    assert line.split()[:6] == ["set", "zero-shot", "acc1", f"{a:.1%}", f"{b:.1%}", f"{100 * (b - a):+.1f}"]
    assert line.endswith("better")


def test_a_folder_that_is_missing_is_asked_for_by_its_name(wit, tmp_path):
    said = wit("eval", "compare", str(tmp_path))
    assert "needs SECOND" in said.err and "SECOND" in wit("eval", "compare", "--help").out


def test_json_has_the_same_numbers(wit, tmp_path):
    first = written(tmp_path / "a", result(answered(0.5, 1)))
    said = json.loads(wit("eval", "compare", str(first), str(first), "--json").out)
    (one,) = said["comparisons"]
    assert (one["difference"], one["p"], one["verdict"]) == (0, 1, "not told apart")


def test_different_images_and_folders_without_results_are_refused(wit, tmp_path):
    first = written(tmp_path / "a", result(answered(0.5, 1)))
    other = written(tmp_path / "b", result(answered(0.5, 1), data_sha256="e"))
    said = wit("eval", "compare", str(first), str(other))
    assert said.code == 2 and "of different images or labels" in said.err
    said = wit("eval", "compare", str(first), str(tmp_path / "none"))
    assert said.code == 2 and "holds no results" in said.err
