"""A small CLIP on what each preset keeps: the same work for all, their scores, and what a kill leaves."""

import json
import math
import os
import signal
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
import torch

from tests.ablate import pools
from tests.ablate.pools import pair, preset
from tests.builds import Killed, Silent
from tests.model import tiny
from tests.train.test_heldout import benchmark
from wit_builder.ablate import pool, run, trained
from wit_builder.ablate.asked import Asked
from wit_builder.engine.task import Stopped
from wit_builder.errors import BuildError, ConfigError
from wit_builder.shards import manifest
from wit_builder.train import start, telemetry
from wit_builder.train.settings import Training
from wit_filters.caption import CaptionLength
from wit_filters.image import ImageSize

BATCH, STEPS = 4, 5
ROWS = [
    *(pair(n, caption=f"a red boat number {n}") for n in range(9)),
    *(pair(n, caption="boat", original_width=150) for n in range(9, 12)),
    *(pair(n, caption=f"the blue sea {n}", original_width=190) for n in range(12, 15)),
]
PRESETS = {
    "all": preset(),
    "words": preset(CaptionLength(min_words=2, min_chars=0)),
    "few": preset(after=(ImageSize(min_side=999),)),
}


@pytest.fixture(autouse=True)
def recipe(tmp_path, monkeypatch):
    """A model of a few thousand weights, a batch of four, read in this process."""
    (tmp_path / "model.json").write_text(json.dumps(tiny.CONFIG))
    own = Training(
        str(tmp_path / "model.json"),
        batch=BATCH,
        epochs=1,
        warmup=1,
        precision="fp32",
        captions="first",
    )
    monkeypatch.setattr(trained, "RECIPE", own)
    monkeypatch.setattr(trained, "_SAVED_EVERY", 2)
    monkeypatch.setattr(start, "readers", lambda: 0)
    torch.set_num_threads(1)


class Watching(Silent):
    """Remembers what is said; does something once so much was told of training."""

    def __init__(self, at=None, what=lambda: None):
        self.said, self._at, self._what = [], at, what

    def stage(self, name, tasks):
        def tell(counts, finished):
            if name == trained.TRAIN and counts["done"] == self._at:
                self._what()

        return tell

    def say(self, sentence):
        self.said.append(sentence)


def held(folder):
    """Six classes of one to six pictures: a model that always says the same has another score by what it says."""
    for number, name in enumerate(("red boat", "blue sea", "tree", "old house", "cat", "number 5"), 1):
        (folder / name).mkdir(parents=True)
        for n in range(number):
            (folder / name / f"{n}.jpg").write_bytes(tiny.picture(10 * number + n, kind="jpeg"))
    return folder


def asked(folder, seeds=2, samples=BATCH * STEPS + 1):
    """The presets on a pool in the folder, which is written where there is none; and a held-out set."""
    if not (folder / "pool").exists():
        pools.write(folder / "pool", ROWS)
        held(folder / "held")
    trial = trained.opened(folder / "held", seeds, samples)
    return Asked(pool.opened(folder / "pool"), PRESETS, trial=trial)


def ablated(folder, watcher=None, **more):
    """What ablation.json says."""
    made, out = asked(folder, **more), folder / "out"
    if not run.start(made, out):
        run.run(made, out, pools.Here(), watcher or Silent())
    return json.loads((out / run.FILE).read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a run lies that nobody disturbs; made by the first test that asks what it says."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture
def whole(folder):
    made = folder / "out" / run.FILE
    return json.loads(made.read_text()) if made.exists() else ablated(folder)


@pytest.fixture
def expected(whole):
    return whole["trained"]


def test_each_preset_has_a_score_for_each_seed_and_their_spread(expected):
    assert list(expected) == ["all", "words"]
    for row in expected.values():
        assert [one["seed"] for one in row["runs"]] == [0, 1]
        scores = [one["top1"] for one in row["runs"]]
        assert all(score * 21 == pytest.approx(round(score * 21)) for score in scores)  # of 21 images
        assert row == {"runs": row["runs"], **trained.spread(scores)}
    assert len({one["top1"] for row in expected.values() for one in row["runs"]}) > 1


def test_all_runs_see_as_many_images_and_only_what_the_preset_keeps(tmp_path, monkeypatch):
    seen, make = {}, start.trainer

    def remembered(training, into, *more, **named):
        made = make(training, into, *more, **named)
        keys = [key for step in range(made.steps) for key in made.data.keys(step)]
        seen[into.out.parent.name, training.seed] = keys
        return made

    monkeypatch.setattr(start, "trainer", remembered)
    ablated(tmp_path)
    assert list(seen) == [("all", 0), ("all", 1), ("words", 0), ("words", 1)]
    for (name, _), keys in seen.items():
        kept = pq.read_table(tmp_path / "out" / "kept" / f"{name}.parquet").to_pylist()
        places = {(f"{row['shard']}.tar", row["key"]) for row in kept}
        assert len(keys) == BATCH * STEPS
        assert set(keys) <= places and len(places - set(keys)) <= 1  # 15 and 12 places, 20 images of 21
    assert seen["all", 0] != seen["all", 1]


def test_a_preset_that_cannot_fill_a_batch_is_said_and_left_out(tmp_path, monkeypatch):
    watcher = Watching()
    told = ablated(tmp_path, watcher, seeds=1)
    assert "few: not trained, a run takes 4 pairs and it keeps 0" in watcher.said
    assert (list(told["trained"]), told["not_trained"]) == (["all", "words"], {"few": 0})
    assert told["train"]["least"] == BATCH


def test_one_batch_is_enough(tmp_path, monkeypatch):
    kept = {"all": BATCH, "words": BATCH - 1}
    made, watcher = asked(tmp_path, seeds=1), Watching()
    least = [name for name, pairs in kept.items() if pairs >= made.trial.least]
    assert (least, made.trial.least, watcher.said) == (["all"], BATCH, [])


def test_no_pair_is_seen_more_than_a_thousand_times(tmp_path):
    held(tmp_path / "held")
    assert trained.opened(tmp_path / "held", 1, 4_000).least == BATCH
    assert trained.opened(tmp_path / "held", 1, 4_001).least == 5


@pytest.mark.parametrize("at", [8, 20, 21, 41])
def test_killed_it_goes_on_and_ends_with_the_same_numbers(expected, tmp_path, at):
    def die():
        raise Killed

    with pytest.raises(Killed):
        ablated(tmp_path, Watching(at, die))
    assert not (tmp_path / "out" / run.FILE).exists()
    assert ablated(tmp_path)["trained"] == expected
    assert not (tmp_path / "out" / "work").exists()


def test_stopped_by_a_signal_it_goes_on_from_there(expected, tmp_path):
    with pytest.raises(Stopped):
        ablated(tmp_path, Watching(12, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    folder = tmp_path / "out" / "work" / "train" / "all" / "0"
    assert [one["step"] for one in telemetry.records(folder / telemetry.METRICS)] == [2, 3]
    watcher = Watching()
    assert ablated(tmp_path, watcher)["trained"] == expected
    assert [line.partition(":")[0] for line in watcher.said if "top-1" in line] == [
        "all, seed 0",
        "all, seed 1",
        "words, seed 0",
        "words, seed 1",
    ]


def test_what_is_finished_is_not_done_again_and_keeps_no_checkpoint(tmp_path, monkeypatch):
    def die():
        raise Killed

    begun, make = [], start.trainer
    with pytest.raises(Killed):
        ablated(tmp_path, Watching(25, die))  # in the second of four
    first = tmp_path / "out" / "work" / "train" / "all" / "0"
    assert (first / "result.json").exists() and not (first / "checkpoints").exists()
    monkeypatch.setattr(
        start, "trainer", lambda *args, **more: begun.append(args[1].out) or make(*args, **more)
    )
    ablated(tmp_path)
    assert [f"{out.parent.name} {out.name}" for out in begun] == ["all 1", "words 0", "words 1"]


def test_other_seeds_are_another_ablation(tmp_path):
    run.start(asked(tmp_path), tmp_path / "out")
    with pytest.raises(ConfigError, match=r"holds another ablation: train\.seeds"):
        run.start(asked(tmp_path, seeds=3), tmp_path / "out")
    with pytest.raises(ConfigError, match=r"holds another ablation: train: .*now None"):
        run.start(replace(asked(tmp_path), trial=None), tmp_path / "out")


def test_a_pool_that_changes_while_models_are_trained_ends_it(tmp_path):
    def change():
        infos = manifest.read_manifest(tmp_path / "pool")
        manifest.write_manifest(tmp_path / "pool", [replace(infos[0], sha256="0" * 64), *infos[1:]])

    with pytest.raises(BuildError, match="changed while it was read"):
        ablated(tmp_path, Watching(67, change), seeds=2)
    assert not (tmp_path / "out" / run.FILE).exists()


def test_the_spread_is_students():
    found = trained.spread([0.30, 0.32, 0.40])
    assert found["mean"] == pytest.approx(0.34)
    assert found["sd"] == pytest.approx(math.sqrt((0.04**2 + 0.02**2 + 0.06**2) / 2))
    half = 4.302653 * found["sd"] / math.sqrt(3)  # the table's t for 2 degrees of freedom, 97.5 %
    assert (found["low"], found["high"]) == pytest.approx((0.34 - half, 0.34 + half))


def test_the_spread_of_one_score_is_unknown_and_an_interval_stays_a_share():
    assert trained.spread([0.25]) == {"mean": 0.25, "sd": None, "low": None, "high": None}
    assert trained.spread([0.0, 0.1])["low"] == 0.0
    assert trained.spread([0.9, 1.0])["high"] == 1.0


def test_fewer_images_than_one_batch_are_refused(tmp_path):
    held(tmp_path / "held")
    assert trained.opened(tmp_path / "held", 1, BATCH).samples == BATCH
    with pytest.raises(ConfigError, match="3 images are to be seen, and one batch has 4"):
        trained.opened(tmp_path / "held", 1, BATCH - 1)


def test_a_set_of_one_class_has_nothing_to_tell_apart(tmp_path):
    (tmp_path / "one" / "boat").mkdir(parents=True)
    (tmp_path / "one" / "boat" / "0.jpg").write_bytes(tiny.picture(0, kind="jpeg"))
    with pytest.raises(ConfigError, match="has a single class, and there is nothing to tell apart"):
        trained.opened(tmp_path / "one", 1, BATCH)


def test_a_set_of_pairs_has_no_accuracy(tmp_path):
    folder = benchmark(tmp_path / "pairs", ["a red boat"] * 2, "txt")
    (folder / "dataset_type.txt").write_text("retrieval")
    with pytest.raises(ConfigError, match="is one of pairs, and accuracy is that of classes"):
        trained.opened(folder, 1, BATCH)


def test_the_report_has_the_scores(folder, whole):
    page = (folder / "out" / "report.html").read_text()
    assert "What a small CLIP learns from each" in page
    assert "held (21 images of 6 classes, chance 16.7 %)" in page
    assert f"{100 * whole['trained']['words']['mean']:.1f} %" in page
    assert "Not trained, as they keep fewer than 4 pairs: few." in page
