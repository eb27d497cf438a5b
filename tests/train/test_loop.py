"""The loop: what it tells, when it evaluates and saves, what ends it."""

import json
import math
import os
import signal

import pytest
import torch

from tests.train import runs
from wit_builder.errors import BuildError
from wit_builder.train import loop, telemetry
from wit_builder.train.loop import LOST_STEPS


@pytest.fixture
def folder(tmp_path):
    runs.pairs(tmp_path / "shards")
    return tmp_path


def test_a_record_says_what_one_wants_to_know(folder):
    watching = runs.Watching()
    runs.trainer(folder, epochs=1, run={"log_every": 2}).train(watching)
    assert watching.began == (0, 3, 8)
    first = watching.told[0]
    assert (first["step"], first["images_seen"], first["epoch"]) == (2, 16, round(2 / 3, 4))
    assert 1 < first["loss"] < 4
    assert (first["non_finite"], first["skipped"]) == (0, {})
    assert first["logit_scale"] == pytest.approx(1 / 0.07, rel=0.01)
    assert first["grad_norm"] > 0 and first["samples_per_s"] > 0 and first["tflops"] > 0
    assert 0 <= first["data_wait"] <= 1
    assert first["memory_gb"] > 0.05
    assert first["bound"] in ("data", "compute", "host")
    assert "mfu" not in first  # there is no peak of a CPU
    assert [told["step"] for told in watching.told] == [2, 3]


def test_it_learns(folder):
    runs.trainer(folder, epochs=60, lr=5e-3, run={"save_every": 0}).train(runs.Watching())
    found = runs.losses(folder)
    assert found[180] < 0.6 * found[1]


def test_bf16_and_gradient_caching_give_nearly_the_same_losses(folder):
    for name, more in (("plain", {}), ("bf16", {"precision": "bf16"}), ("cached", {"micro_batch": 3})):
        runs.trainer(folder, name, epochs=1, patch_dropout=0.0, **more).train(runs.Watching())
    plain, bf16, cached = (runs.losses(folder, name) for name in ("plain", "bf16", "cached"))
    assert bf16 != plain
    assert list(bf16.values()) == pytest.approx(list(plain.values()), rel=0.02)
    assert list(cached.values()) == pytest.approx(list(plain.values()), rel=1e-4)


def test_a_run_leaves_its_settings_its_deviations_and_its_result(folder):
    runs.trainer(folder, epochs=1).train(runs.Watching())
    settings = json.loads((folder / "out" / loop.SETTINGS).read_text())
    assert settings["training"]["batch"] == 8
    assert any(line.startswith("batch is 8, the preset of") for line in settings["deviations"])
    result = json.loads((folder / "out" / loop.RESULT).read_text())
    assert (result["state"], result["step"], result["images_seen"]) == ("complete", 3, 24)
    assert (folder / "out" / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_it_trains_for_as_many_samples_as_were_asked_for(folder):
    watching = runs.Watching()
    held = [runs.classes(folder / "held")]
    outcome = runs.trainer(folder, held=held, samples=39).train(
        watching
    )  # 3 steps an epoch of 8 samples each
    assert (outcome.state, outcome.step, outcome.images_seen) == ("complete", 4, 32)
    assert outcome.checkpoint.endswith("step_4.pt")
    assert [told["step"] for told in watching.told if "set" in told] == [3, 4]
    rates = [told["lr"] for told in watching.told if "lr" in told]
    assert rates == [
        pytest.approx(lr) for lr in (2.5e-4, 5e-4, 5e-4, 2.5e-4)
    ]  # warm-up of 2, cosine over all


@pytest.mark.parametrize(("every", "due"), [(0, [3, 6]), (4, [4, 6]), (5, [5, 6])])
def test_it_evaluates_when_it_shall_and_at_the_end(folder, every, due):
    watching = runs.Watching()
    held = [runs.classes(folder / "held")]
    runs.trainer(folder, held=held, epochs=2, run={"eval_every": every}).train(watching)
    found = [told for told in watching.told if "set" in told]
    assert [told["step"] for told in found] == due
    assert {told["set"] for told in found} == {"held"}


def test_the_best_step_is_saved_though_no_save_is_due(folder, monkeypatch):
    """Scores rise and fall: 0.3, 0.7, 0.5."""
    scores = iter((0.3, 0.7, 0.5))
    monkeypatch.setattr(
        loop.heldout,
        "evaluate",
        lambda *_: {"set": "held", "top1": next(scores), "low": 0.0, "high": 1.0, "chance": 0.5},
    )
    held = [runs.classes(folder / "held")]
    outcome = runs.trainer(folder, held=held, epochs=2, run={"eval_every": 2, "keep": 1}).train(
        runs.Watching()
    )
    assert (outcome.best.step, outcome.best.score) == (4, 0.7)
    names = {path.name for path in (folder / "out" / "checkpoints").iterdir()}
    assert names == {"step_4.pt", "epoch_2.pt"}


def spoiled(made, first):
    """The run's gradients are not finite from that step on."""
    real, count = loop.gradients, iter(range(1, 1000))

    def gradients(*arguments):
        loss = real(*arguments)
        if next(count) >= first:
            made.network.logit_scale.grad.fill_(math.nan)
        return loss

    return gradients


def test_gradients_that_are_not_finite_are_counted_and_change_nothing(folder, monkeypatch):
    made, watching = runs.trainer(folder, epochs=2), runs.Watching()
    monkeypatch.setattr(loop, "gradients", spoiled(made, 4))
    with pytest.raises(BuildError, match="no gradient of the last 3 steps up to 6 was finite") as error:
        made.train(watching)  # it has not come to what it was to come to
    assert "epoch_1.pt` and a lower --lr" in error.value.hint
    assert [told["non_finite"] for told in watching.told] == [0, 0, 0, 1, 1, 1]
    assert watching.told[-1]["loss"] is None
    assert all(weight.isfinite().all() for weight in made.network.parameters())
    assert made.checkpoints.steps() == [3]  # none is written of what may be broken


def test_a_run_that_has_lost_its_way_ends_and_leaves_its_last_good_checkpoint(folder, monkeypatch):
    made = runs.trainer(folder, epochs=20)
    monkeypatch.setattr(loop, "gradients", spoiled(made, 8))
    with pytest.raises(
        BuildError, match=f"no gradient of the last {LOST_STEPS} steps up to 27 was finite"
    ) as error:
        made.train(runs.Watching())
    assert "--init " in error.value.hint and "epoch_2.pt`" in error.value.hint
    assert made.checkpoints.steps() == [3, 6]


def test_skipped_samples_are_counted_from_the_beginning_also_when_a_run_goes_on(folder):
    """One image cannot be read: it is met once an epoch."""
    shard = folder / "shards" / "00000.tar"
    body = shard.read_bytes()
    shard.write_bytes(body.replace(b"\xff\xd8\xff", b"no\0", 1))
    more = {"epochs": 3, "max_skipped": 0.2}
    stopping = runs.Watching(6, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert runs.trainer(folder, **more).train(stopping).skipped == {"not_image": 2}
    watching = runs.Watching()
    assert runs.trainer(folder, **more).train(watching).skipped == {"not_image": 3}
    assert watching.told[-1]["skipped"] == {"not_image": 3}
    assert json.loads((folder / "out" / loop.RESULT).read_text())["skipped"] == {"not_image": 3}


def test_random_numbers_differ_by_seed_step_and_rank():
    found = {loop.seed_of(*which) for which in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))}
    assert len(found) == 4
    assert all(0 <= seed < 2**63 for seed in found)
    torch.manual_seed(max(found))


def test_what_was_told_after_the_checkpoint_is_taken_back(tmp_path):
    path = tmp_path / telemetry.METRICS
    path.write_text('{"step": 2}\n{"step": 4}\n{"step": 6}\n{"step": 7, "lo')
    telemetry.Journal(path, 4)({"step": 5})
    assert [told["step"] for told in telemetry.records(path)] == [2, 4, 5]
