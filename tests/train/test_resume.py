"""A run that was stopped anywhere goes on as if nothing had been."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys

import pytest
import torch

from tests.cli.processes import ROOT, environment
from tests.model import tiny
from tests.train import batches, runs
from wit_builder.errors import ConfigError
from wit_builder.train import loop, telemetry

STEPS = 12


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A folder with shards, and a run in it that nobody disturbed."""
    folder = tmp_path_factory.mktemp("run")
    runs.pairs(folder / "shards")
    runs.trainer(folder, "whole").train(runs.Watching())
    return folder


def weights(folder, out):
    return torch.load(folder / out / "checkpoints" / "epoch_4.pt", weights_only=True)["state_dict"]


def assert_equal(folder, out):
    assert runs.losses(folder, out) == runs.losses(folder, "whole")
    before, now = weights(folder, "whole"), weights(folder, out)
    assert all(torch.equal(before[name], now[name]) for name in before)


def test_every_step_has_a_loss_of_its_own(undisturbed):
    found = runs.losses(undisturbed, "whole")
    assert list(found) == list(range(1, STEPS + 1))
    assert len(set(found.values())) == STEPS


def test_killed_at_a_random_step_and_resumed_with_other_workers_it_is_the_same_to_the_bit(undisturbed):
    step = random.Random(os.getpid()).randrange(5, STEPS)  # by then the first is on the disk
    killed = subprocess.run(
        [sys.executable, "-m", "tests.train.runs", str(undisturbed), str(step)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    went_on = runs.Watching()
    runs.trainer(undisturbed, workers=1).train(went_on)
    assert 0 < went_on.began[0] <= step
    assert_equal(undisturbed, "out")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_at_once_and_ends_the_run(undisturbed, number):
    before = signal.getsignal(number)
    out = number.name
    told = runs.Watching(5, lambda: os.kill(os.getpid(), number))
    outcome = runs.trainer(undisturbed, out).train(told)
    assert (outcome.state, outcome.step, len(told.told)) == ("stopped", 5, 5)
    assert outcome.checkpoint.endswith("step_5.pt")
    assert signal.getsignal(number) is before
    assert runs.trainer(undisturbed, out).train(runs.Watching()).state == "complete"
    assert_equal(undisturbed, out)


def scores(folder, out):
    """Step and score of each evaluation, without what differs by the clock."""
    found = telemetry.records(folder / out / telemetry.METRICS)
    return [(one["step"], one["set"], one["top1"]) for one in found if "set" in one]


@pytest.mark.parametrize("step", [3, STEPS])
def test_a_signal_ends_an_evaluation_at_once_and_the_run_makes_up_for_it(undisturbed, step, monkeypatch):
    held = [runs.classes(undisturbed / f"{name}-{step}") for name in ("one", "two")]
    runs.trainer(undisturbed, f"judged-{step}", held).train(runs.Watching())
    real, out = loop.heldout.evaluate, f"cut-{step}"
    made = runs.trainer(undisturbed, out, held)

    def evaluate(objective, held, *more):
        if made.step == step and held.name.startswith("two"):
            os.kill(os.getpid(), signal.SIGTERM)
        return real(objective, held, *more)

    monkeypatch.setattr(loop.heldout, "evaluate", evaluate)
    outcome = made.train(runs.Watching())
    assert (outcome.state, outcome.step) == ("stopped", step)
    assert [one["set"] for one in outcome.scores] == [f"one-{step}"]
    monkeypatch.undo()
    assert runs.trainer(undisturbed, out, held).train(runs.Watching()).state == "complete"
    assert scores(undisturbed, out) == scores(undisturbed, f"judged-{step}")
    assert_equal(undisturbed, out)


def test_what_was_trained_is_saved_before_it_is_judged(undisturbed, monkeypatch):
    held = [runs.classes(undisturbed / "held")]
    made = runs.trainer(undisturbed, "died", held)

    def evaluate(*_):
        raise RuntimeError("the machine is gone")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(loop.heldout, "evaluate", evaluate)
        made.train(runs.Watching())
    again = runs.trainer(undisturbed, "died", held)
    assert (again.step, again.best) == (3, None)
    again.train(runs.Watching())
    assert [step for step, _, _ in scores(undisturbed, "died")] == [3, 6, 9, 12]


def test_a_complete_run_is_judged_by_a_set_that_is_new_to_it(undisturbed):
    held = [runs.classes(undisturbed / "new")]
    runs.trainer(undisturbed, "late").train(runs.Watching())
    watching = runs.Watching()
    outcome = runs.trainer(undisturbed, "late", held).train(watching)
    assert [told["set"] for told in watching.told] == ["new"]
    assert (outcome.state, outcome.best.step, outcome.scores[0]["set"]) == ("complete", STEPS, "new")


def test_a_set_is_another_one_though_its_folder_has_the_name_of_one_before(undisturbed):
    """The same images, the classes' names exchanged."""
    one, other = (runs.classes(undisturbed / folder / "same") for folder in ("one", "other"))
    (other / "classnames.txt").write_text("red thing\nblue thing\n")
    first = runs.trainer(undisturbed, "two", [one]).train(runs.Watching()).scores
    watching = runs.Watching()
    outcome = runs.trainer(undisturbed, "two", [other]).train(watching)
    assert [(told["step"], told["set"]) for told in watching.told] == [(STEPS, "same")]
    assert outcome.scores == watching.told
    watching = runs.Watching()
    assert runs.trainer(undisturbed, "two", [one]).train(watching).scores == first
    assert watching.told == []


def test_scores_without_a_fingerprint_are_of_the_set_of_that_name(undisturbed):
    held = [runs.classes(undisturbed / "old")]
    runs.trainer(undisturbed, "before", held).train(runs.Watching())
    path = undisturbed / "before" / telemetry.METRICS
    found = telemetry.records(path)
    path.write_text(
        "".join(
            json.dumps(one | {"fingerprint": None}).replace(', "fingerprint": null', "") + "\n"
            for one in found
        )
    )
    watching = runs.Watching()
    runs.trainer(undisturbed, "before", held).train(watching)
    assert watching.told == []


def test_two_sets_of_one_name_are_refused(undisturbed):
    held = [runs.classes(undisturbed / folder / "twice") for folder in ("one", "other")]
    with pytest.raises(ConfigError, match="two held-out sets are called 'twice'"):
        runs.trainer(undisturbed, "refused", held)


def test_a_run_that_is_complete_is_not_done_again(undisturbed):
    watching = runs.Watching()
    outcome = runs.trainer(undisturbed, "whole").train(watching)
    assert (outcome.state, outcome.step, watching.told) == ("complete", STEPS, [])


def test_a_folder_with_a_run_is_not_written_over(undisturbed):
    with pytest.raises(ConfigError, match="holds a run already") as error:
        runs.trainer(undisturbed, "whole", run={"resume": False})
    assert "--resume" in error.value.hint


@pytest.mark.parametrize("more", [{"batch": 4}, {"lr": 1e-3}, {"seed": 6}, {"text_encoder": "cbow"}])
def test_another_recipe_is_refused_by_name(undisturbed, more):
    (name, value) = next(iter(more.items()))
    with pytest.raises(ConfigError, match=f"was trained with {name} .*, now it is {value!r}"):
        runs.trainer(undisturbed, "whole", **more)


def test_what_does_not_change_the_result_may_change(undisturbed):
    runs.trainer(undisturbed, "whole", micro_batch=3, max_skipped=0.5)


def test_pieces_are_of_the_recipe_where_batch_norms_see_one_at_a_time(undisturbed):
    more = {"model": str(undisturbed / "resnet.json"), "patch_dropout": 0.0, "epochs": 1, "max_skipped": 0.5}
    vision = batches.RESNET["vision_cfg"] | {"image_size": 64}
    resnet = tiny.CONFIG | {"vision_cfg": vision}
    (undisturbed / "resnet.json").write_text(json.dumps(resnet))
    runs.trainer(undisturbed, "norms", **more).train(runs.Watching())
    with pytest.raises(ConfigError, match="was trained with micro_batch 0, now it is 3"):
        runs.trainer(undisturbed, "norms", micro_batch=3, **more)
    runs.trainer(undisturbed, "norms", checkpointing=True, **more)


def test_other_data_is_refused(undisturbed):
    runs.pairs(undisturbed / "others" / "shards", 25)
    (undisturbed / "others" / "whole").symlink_to(undisturbed / "whole")
    model = str(undisturbed / "model.json")
    with pytest.raises(ConfigError, match="has seen other data: fingerprint"):
        runs.trainer(undisturbed / "others", "whole", model=model)


def test_the_shards_may_lie_elsewhere(undisturbed, tmp_path):
    (tmp_path / "shards").symlink_to(undisturbed / "shards")
    (tmp_path / "whole").symlink_to(undisturbed / "whole")
    assert runs.trainer(tmp_path, "whole", model=str(undisturbed / "model.json")).step == STEPS


def test_a_model_is_what_its_config_says(undisturbed, tmp_path):
    (tmp_path / "shards").symlink_to(undisturbed / "shards")
    (tmp_path / "whole").symlink_to(undisturbed / "whole")
    assert runs.trainer(tmp_path, "whole").step == STEPS  # the same config in another file
    name = str(tmp_path / "model.json")
    path = tmp_path / "other" / "checkpoints" / "epoch_4.pt"
    found = torch.load(undisturbed / "whole" / "checkpoints" / "epoch_4.pt", weights_only=True)
    found["wit"]["config"] = json.dumps(tiny.CONFIG | {"embed_dim": 4})
    found["wit"]["training"] = json.dumps(json.loads(found["wit"]["training"]) | {"model": name})
    path.parent.mkdir(parents=True)
    torch.save(found, path)
    with pytest.raises(ConfigError, match="was trained with another config of"):
        runs.trainer(tmp_path, "other")


def test_pixels_that_are_taken_otherwise_are_another_config(undisturbed, tmp_path):
    (tmp_path / "shards").symlink_to(undisturbed / "shards")
    path = tmp_path / "out" / "checkpoints" / "epoch_4.pt"
    found = torch.load(undisturbed / "whole" / "checkpoints" / "epoch_4.pt", weights_only=True)
    now = json.loads(found["wit"]["training"]) | {"model": str(tmp_path / "model.json")}
    found["wit"] |= {"training": json.dumps(now), "preprocess": json.dumps({"mean": [0.5, 0.5, 0.5]})}
    path.parent.mkdir(parents=True)
    torch.save(found, path)
    with pytest.raises(ConfigError, match="was trained with another config of"):
        runs.trainer(tmp_path)


@pytest.mark.parametrize("name", ["epoch_4.pt", "step_10.pt"])
def test_a_checkpoint_of_weights_that_are_not_finite_is_not_gone_on_with(undisturbed, tmp_path, name):
    (tmp_path / "shards").symlink_to(undisturbed / "shards")
    shutil.copytree(undisturbed / "whole", tmp_path / "out")
    model = str(undisturbed / "model.json")
    folder = tmp_path / "out" / "checkpoints"
    found = torch.load(folder / "epoch_4.pt", weights_only=True)
    found["state_dict"]["ln_final.weight"][0] = float("nan")
    (folder / "epoch_4.pt").unlink()
    found["wit"]["step"] = STEPS if name == "epoch_4.pt" else 10
    torch.save(found, folder / name)
    with pytest.raises(
        ConfigError, match=f"{name}' has weights that are not finite, such as ln_final"
    ) as error:
        runs.trainer(tmp_path, model=model)
    assert error.value.hint == "delete it to go on from the one before"
    (folder / name).unlink()
    assert runs.trainer(tmp_path, model=model).step < STEPS


def test_another_models_checkpoint_is_refused(undisturbed):
    with pytest.raises(ConfigError, match="was trained with model"):
        runs.trainer(undisturbed, "whole", model="tiny")
