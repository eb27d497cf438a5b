"""Two models are compared sample by sample, and only on the same ones."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar

from wit_builder import stats
from wit_builder.errors import ConfigError
from wit_builder.evaluate import compare, metrics, results
from wit_builder.evaluate.results import Estimate, Result

N = 200
RANDOM = np.random.default_rng(1)
LABELS = RANDOM.integers(0, 2, N)
MODEL = {"name": "tiny", "checkpoint": "tiny.pt"}


def answered(share, seed):
    """Predictions of which about that share is right."""
    random = np.random.default_rng(seed)
    right = random.random(N) < share
    predicted = np.where(right, LABELS, 1 - LABELS)
    return pa.table(
        {
            "key": [str(number) for number in range(N)],
            "label": pa.array(LABELS, pa.int32()),
            "predicted": pa.array(predicted, pa.int32()),
            "top5": pa.array([[one, 1 - one] for one in predicted.tolist()], pa.list_(pa.int32())),
            "score": pa.array(random.uniform(0.5, 1, N), pa.float32()),
            "right": right,
            "margin": pa.array(np.where(predicted, 1, -1) * random.uniform(0, 40, N), pa.float32()),
        }
    )


def result(table, metric="acc1", task="zero-shot", which="set", **more):
    one = Estimate(0.5, 0.4, 0.6, 0.995, N, "clopper-pearson")
    return replace(
        Result(task, which, "test", {metric: one}, "f", predictions=table, data_sha256="d"), **more
    )


def written(out, *found):
    for one in found:
        results.write(out, one)
    results.write_all(out, MODEL, found)
    return out


def compared(tmp_path, first, second):
    return compare.compare(written(tmp_path / "a", first), written(tmp_path / "b", second))


def test_accuracies_are_compared_by_mcnemars_test(tmp_path):
    first, second = answered(0.5, 1), answered(0.7, 2)
    (found,) = compared(tmp_path, result(first), result(second))
    a, b = (np.array(one["right"]) for one in (first, second))
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    assert found.p == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert (found.first, found.second) == (a.mean(), b.mean())
    assert found.difference == pytest.approx(b.mean() - a.mean())
    assert found.low < found.difference < found.high
    assert found.verdict == "better" and found.test == compare.MCNEMAR


def test_the_other_way_round_it_is_worse(tmp_path):
    (found,) = compared(tmp_path, result(answered(0.7, 2)), result(answered(0.5, 1)))
    assert found.verdict == "worse" and found.high < 0


def test_a_model_is_not_told_apart_from_itself(tmp_path):
    (found,) = compared(tmp_path, result(answered(0.7, 2)), result(answered(0.7, 2)))
    assert (found.p, found.low, found.difference, found.high) == (1, 0, 0, 0)
    assert found.verdict == "not told apart"


def test_a_metric_that_is_no_share_is_compared_by_paired_bootstrap(tmp_path):
    first, second = answered(0.5, 1), answered(0.7, 2)
    (found,) = compared(
        tmp_path, result(first, "mean_per_class_recall"), result(second, "mean_per_class_recall")
    )
    assert found.second == pytest.approx(metrics.mean_per_class(LABELS, np.array(second["right"])))
    assert found.test == compare.BOOTSTRAP and found.verdict == "better"
    assert found.low == pytest.approx(0.1, abs=0.07) and found.high == pytest.approx(0.3, abs=0.07)


def test_the_area_is_that_of_the_second_class_by_what_it_was_reported_by(tmp_path):
    """However sure a model is: 1 / (1 + exp(-40)) is 1 in 32 bits."""
    first, second = answered(0.5, 1), answered(0.7, 2)
    (found,) = compared(tmp_path, result(first, "roc_auc"), result(second, "roc_auc"))
    due = roc_auc_score(LABELS, np.array(second["margin"], np.float64))
    assert found.second == pytest.approx(due, abs=1e-9)


def test_an_area_of_one_class_alone_is_not_defined(tmp_path):
    label = answered(0.5, 1).column_names.index("label")
    first, second = (
        answered(0.5, seed).set_column(label, "label", pa.array(np.ones(N), pa.int32())) for seed in (1, 2)
    )
    with pytest.raises(ConfigError, match="roc_auc of zero-shot on 'set' is not defined"):
        compared(tmp_path, result(first, "roc_auc"), result(second, "roc_auc"))


def test_an_area_without_its_margins_is_one_sentence(tmp_path):
    first, second = (answered(0.5, seed).drop_columns("margin") for seed in (1, 2))
    with pytest.raises(ConfigError, match="of zero-shot on 'set' have no column `margin`, by which roc_auc"):
        compared(tmp_path, result(first, "roc_auc"), result(second, "roc_auc"))


def test_the_mean_of_top_one_and_top_five_counts_halves(tmp_path):
    first, second = answered(0.5, 1), answered(0.7, 2)
    (found,) = compared(tmp_path, result(first, "top1_top5_mean"), result(second, "top1_top5_mean"))
    assert found.first == pytest.approx((np.mean(first["right"]) + 1) / 2)


def test_several_labels_are_compared_by_their_average_precision(tmp_path):
    labels = RANDOM.integers(0, 2, (N, 3)).astype(np.uint8)
    tables = [
        pa.table(
            {
                "key": [str(at) for at in range(N)],
                "labels": [np.flatnonzero(row).tolist() for row in labels],
                "scores": list((labels * sure + RANDOM.normal(size=labels.shape)).astype(np.float32)),
            }
        )
        for sure in (0, 3)
    ]
    found = compared(tmp_path, *(result(one, "lp_map11", "linear-probe") for one in tables))
    assert found[0].verdict == "better"
    scores = np.array(tables[1]["scores"].to_pylist())
    assert found[0].second == pytest.approx(metrics.value("map11", labels, scores))


def test_retrieval_is_compared_both_ways_query_by_query(tmp_path):
    def table(ranks):
        wanted = ["image"] * 4 + ["text"] * 2
        return pa.table(
            {"wanted": wanted, "key": list("aabbab"), "caption": [0, 1, 0, 1, -1, -1], "rank": ranks}
        )

    one = Estimate(0.5, 0, 1, 0.995, 4, "bootstrap")
    recalls = {f"{what}_retrieval_recall@{k}": one for what in ("image", "text") for k in (1, 5)}
    first, second = (
        result(table(ranks), task="retrieval", metrics=recalls)
        for ranks in ([0, 0, 1, 2, 1, 1], [0, 1, 1, 0, 0, 1])
    )
    image, text = compared(tmp_path, first, second)
    assert (image.metric, image.n, image.first, image.second) == ("image_retrieval_recall@1", 4, 0.5, 0.5)
    assert (text.metric, text.n, text.first, text.second) == ("text_retrieval_recall@1", 2, 0, 0.5)


def test_several_comparisons_are_adjusted_together(tmp_path):
    pairs = [(answered(0.5, seed), answered(0.62, seed + 10)) for seed in range(3)]
    a, b = (
        written(tmp_path / name, *(result(pair[at], which=str(number)) for number, pair in enumerate(pairs)))
        for at, name in enumerate("ab")
    )
    found = compare.compare(a, b)
    assert [one.adjusted for one in found] == list(stats.holm([one.p for one in found]))
    assert max(one.adjusted for one in found) > min(one.p for one in found)


@pytest.mark.parametrize(
    "other",
    [
        {"data_sha256": "e"},
        {"split": "val"},
        {"predictions": answered(0.5, 1).set_column(0, "key", pa.array([f"x{at}" for at in range(N)]))},
        {"predictions": answered(0.5, 1).set_column(1, "label", pa.array(1 - LABELS, pa.int32()))},
        {"predictions": answered(0.5, 1).slice(1)},
    ],
)
def test_results_of_different_images_or_labels_are_refused(tmp_path, other):
    with pytest.raises(ConfigError, match="zero-shot on 'set' are of different images or labels"):
        compared(tmp_path, result(answered(0.5, 1)), result(answered(0.5, 1), **other))


def test_nothing_in_common_is_said(tmp_path):
    with pytest.raises(ConfigError, match="have no task of a set in common"):
        compared(tmp_path, result(answered(0.5, 1)), result(answered(0.5, 1), which="other"))
