"""The same numbers as CLIP_benchmark's own code on the same set and weights; skipped where it is not installed."""

import csv
import sys

import pytest
import torch

from tests.evaluate.folders import benchmark, folders, saved, work
from tests.evaluate.test_run import measured
from tests.model import tiny
from wit_builder.evaluate import zero_shot
from wit_builder.model.loaded import opened

pytest.importorskip("clip_benchmark")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def telling(tmp_path):
    """A tiny model that does not take all pictures for the same, as files of this folder, and as open_clip's own."""
    config, checkpoint = saved(tmp_path)
    state = torch.load(checkpoint)
    for name in ("visual.conv1.weight", "token_embedding.weight"):
        state[name] *= 50
    torch.save(state, checkpoint)
    model = tiny.network()
    model.load_state_dict(state)
    return opened(config, checkpoint), model


def test_metrics_are_clip_benchmarks(tmp_path, telling):
    import open_clip
    from clip_benchmark.datasets.builder import build_wds_dataset
    from clip_benchmark.metrics import zeroshot_classification

    loaded, model = telling
    folder = benchmark(tmp_path / "set", per_class=20)
    pixels = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(size=32), is_train=False
    )
    dataset = build_wds_dataset("set", pixels, "test", str(folder))
    loader = torch.utils.data.DataLoader(dataset.batched(16), batch_size=None, num_workers=0)
    theirs = zeroshot_classification.evaluate(
        model, loader, open_clip.SimpleTokenizer(), dataset.classes, dataset.templates, "cpu", amp=False
    )
    ours = zero_shot.evaluate(work(folder, tmp_path / "cache", loaded=loaded))
    assert len(set(ours.predictions["predicted"].to_pylist())) > 1
    assert {name: ours.metrics[name].value for name in theirs} == pytest.approx(theirs)


def test_its_build_makes_a_table_of_our_files(tmp_path, monkeypatch):
    cli = pytest.importorskip("clip_benchmark.cli")
    found, _ = measured(tmp_path, folders(tmp_path / "a"))
    results, table = tmp_path / "results" / "clip_benchmark", tmp_path / "table.csv"
    monkeypatch.setattr(sys, "argv", ["cb", "build", str(results), "--output", str(table)])
    cli.main()
    row = next(csv.DictReader(table.read_text().splitlines()))
    assert (row["dataset"], row["task"]) == ("wds/a", "zeroshot_classification")
    assert float(row["acc1"]) == found[0].metrics["acc1"].value
