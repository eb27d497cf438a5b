"""A run of two processes, as torchrun starts them, is the run of one."""

import json
import subprocess
import sys

import pytest
import torch

from tests.cli.processes import environment
from tests.train import runs

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def together(folder, *more):
    """`wit train` in two processes; the finished process of torchrun."""
    (folder / "model.json").write_text(json.dumps(runs.tiny.CONFIG))
    options = {
        "shards": folder / "shards",
        "model": folder / "model.json",
        "out": folder / "out",
        "eval-set": folder / "held",
        "precision": "fp32",
        "batch": 8,
        "epochs": 2,
        "warmup": 2,
        "seed": 5,
        "log-every": 1,
        "save-every": 2,
        "workers": 1,
    }
    typed = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    return subprocess.run(
        [*TORCHRUN, "-m", "wit_builder", "train", *typed, "--resume", *more],
        cwd=folder,
        env=environment(OMP_NUM_THREADS="1", XDG_CACHE_HOME=str(folder / "cache")),
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A folder with shards and a run of one process."""
    folder = tmp_path_factory.mktemp("ranks")
    runs.pairs(folder / "shards")
    runs.classes(folder / "held")
    runs.trainer(folder, "alone", held=[folder / "held"], epochs=2, patch_dropout=0.0).train(runs.Watching())
    return folder


@pytest.mark.parametrize("more", [(), pytest.param(("--fsdp",), marks=pytest.mark.slow)], ids=["ddp", "fsdp"])
def test_two_processes_find_what_one_finds(alone, tmp_path, more):
    for name in ("shards", "held"):
        (tmp_path / name).symlink_to(alone / name)
    done = together(tmp_path, *more)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("complete at step 6 of 6") == 1
    one, two = runs.losses(alone, "alone"), runs.losses(tmp_path)
    assert list(two.values()) == pytest.approx(list(one.values()), rel=1e-4)
    before, after = (
        torch.load(folder / "checkpoints" / "epoch_2.pt", weights_only=True)
        for folder in (alone / "alone", tmp_path / "out")
    )
    for name, weight in before["state_dict"].items():
        assert torch.allclose(weight, after["state_dict"][name], atol=2e-4), name
    scores = [
        json.loads((folder / "result.json").read_text())["scores"]
        for folder in (alone / "alone", tmp_path / "out")
    ]
    assert scores[0][0]["images"] == scores[1][0]["images"] == 12
    goes_on(tmp_path, before, after)


def goes_on(folder, before, after):
    """Without its last checkpoint, two processes in shares of weights find the same end again."""
    last = folder / "out" / "checkpoints" / "epoch_2.pt"
    last.unlink()
    done = together(folder, "--fsdp")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "from step 4 to 6" in done.stderr
    again = torch.load(last, weights_only=True)
    for name, weight in after["state_dict"].items():
        assert torch.allclose(weight, again["state_dict"][name], atol=1e-5), name
    assert before["optimizer"]["param_groups"] == again["optimizer"]["param_groups"]
