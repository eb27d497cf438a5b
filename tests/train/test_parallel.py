"""Two processes, each with half of a batch, find what one finds with all of it."""

import subprocess
import sys

import pytest
import torch

from tests.cli.processes import environment
from tests.structure.documents import ROOT
from tests.train import ranks


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What both ranks wrote, by the way in which they are spread."""
    folder = tmp_path_factory.mktemp("ranks")
    typed = [sys.executable, "-W", "ignore", "-m", "tests.train.ranks"]
    both = [
        subprocess.Popen([*typed, str(rank), str(folder)], cwd=ROOT, env=environment())
        for rank in range(ranks.WORLD)
    ]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    return [torch.load(folder / f"{rank}.pt") for rank in range(ranks.WORLD)]


@pytest.fixture(params=["ddp", "fsdp"])
def found(request, written):
    """What they wrote of one way."""
    return [rank[request.param] for rank in written]


@pytest.mark.parametrize("kind", [kind for kind in ranks.KINDS if kind != "dropped"])
def test_a_step_of_two_is_the_step_of_one(found, kind):
    one = ranks.step(kind)
    for rank in found:
        torch.testing.assert_close(rank[kind]["loss"], one["loss"], atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(rank[kind]["norm"], one["norm"], atol=1e-5, rtol=1e-4)
        for what, loose in (("grads", 5e-6), ("after", 2e-5)):
            for name, expected in one[what].items():
                torch.testing.assert_close(
                    rank[kind][what][name], expected, atol=loose, rtol=1e-4, msg=f"{what} {name}"
                )


def test_ranks_agree_on_what_they_draw_apart(found):
    """Patches are dropped on each rank by its own random numbers, and the gradient is still one."""
    first, second = (rank["dropped"] for rank in found)
    assert first["loss"] == second["loss"]
    assert all(torch.equal(grad, second["grads"][name]) for name, grad in first["grads"].items())


def test_the_loss_of_two_is_the_loss_of_one_and_so_are_its_gradients(found):
    loss, grads = ranks.loss_alone(0, 1)
    halves = [rank["loss"] for rank in found]
    for half, _ in halves:
        torch.testing.assert_close(half, loss)
    for number in (0, 1):
        both = torch.cat([half[1][number] for half in halves])
        torch.testing.assert_close(both, grads[number], atol=1e-6, rtol=1e-5)
    for half in halves:
        torch.testing.assert_close(half[1][2], grads[2], atol=1e-6, rtol=1e-5)
