"""The pass over a set as tasks: the same embeddings to the bit, whoever makes them."""

import shutil
from contextlib import closing

import numpy as np
import pytest
import torch

from tests.evaluate.folders import ALONE, benchmark, folders, saved
from tests.model import tiny
from wit_builder.engine.local import LocalExecutor
from wit_builder.engine.task import Stopped, open_task, run_task
from wit_builder.errors import BuildError, ConfigError
from wit_builder.evalset import sets
from wit_builder.evaluate import batches
from wit_builder.evaluate import elsewhere as module
from wit_builder.evaluate.elsewhere import Elsewhere
from wit_builder.evaluate.embed import embed
from wit_builder.model.loaded import opened


class Here:
    """Runs tasks in this process, the last one first, and remembers how many there were of each stage."""

    def __init__(self):
        self.ran = []

    def run(self, root, stage, ids, needs, progress):
        for n, id_ in enumerate(reversed(ids)):
            run_task(*open_task(root, stage, id_))
            self.ran.append(stage)
            progress({}, n + 1)
        return {}


class Killed(Here):
    """Is stopped when two tasks have embedded."""

    def run(self, root, stage, ids, needs, progress):
        super().run(root, stage, ids if stage == "digest" else ids[:2], needs, progress)
        if stage == "embed":
            raise Stopped
        return {}


@pytest.fixture
def small(monkeypatch):
    """Tasks of few images: of 24 there are 5 that hash and 3 that embed, the last one of half a call."""
    monkeypatch.setattr(module, "HASHED", 5)
    monkeypatch.setattr(module, "EMBEDDED", 10)
    monkeypatch.setitem(batches.SIZE, "cpu", 5)


@pytest.fixture
def which(tmp_path):
    return sets.read(folders(tmp_path / "set"))


def made(which, tmp_path, executor, name="cache", precision="bf16", loaded=None):
    loaded = loaded or opened(*tiny.files())
    there = Elsewhere(executor, tmp_path / "work") if executor else None
    return embed(loaded, which, ALONE, tmp_path / name, precision, elsewhere=there)


def same(one, other):
    return (one.fingerprint, one.data_sha256) == (other.fingerprint, other.data_sha256) and all(
        np.array_equal(getattr(one, kind), getattr(other, kind))
        for kind in ("images", "features", "readable")
    )


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_tasks_give_what_one_process_gives(small, which, tmp_path, precision):
    here = Here()
    there = made(which, tmp_path, here, "there", precision)
    assert (here.ran.count("digest"), here.ran.count("embed")) == (5, 3)
    assert same(there, made(which, tmp_path, None, "here", precision))


def test_and_so_do_child_processes_of_a_set_in_tars(tmp_path):
    which = sets.read(benchmark(tmp_path / "set"))
    with closing(LocalExecutor(2)) as executor:
        there = made(which, tmp_path, executor, "there")
    assert same(there, made(which, tmp_path, None, "here"))


def test_an_image_that_cannot_be_decoded_is_the_same_loss(small, which, tmp_path, monkeypatch):
    monkeypatch.setattr("wit_builder.evaluate.embed.MAX_UNREADABLE", 0.5)
    which.images[7].path.write_bytes(b"no picture")
    there = made(which, tmp_path, Here(), "there")
    assert not there.readable[7]
    assert same(there, made(which, tmp_path, None, "here"))


def test_a_pass_that_was_killed_goes_on_with_what_is_missing(small, which, tmp_path):
    with pytest.raises(Stopped):
        made(which, tmp_path, Killed())
    here = Here()
    assert same(made(which, tmp_path, here), made(which, tmp_path, None, "here"))
    assert here.ran.count("embed") == 1


def test_a_set_that_was_moved_meanwhile_is_embedded_where_it_is(small, which, tmp_path):
    with pytest.raises(Stopped):
        made(which, tmp_path, Killed())
    shutil.move(tmp_path / "set", tmp_path / "elsewhere")
    moved = sets.read(tmp_path / "elsewhere")
    assert same(made(moved, tmp_path, Here()), made(moved, tmp_path, None, "here"))


def test_what_is_in_the_cache_is_hashed_and_not_embedded(small, which, tmp_path):
    made(which, tmp_path, None)
    here = Here()
    made(which, tmp_path, here)
    assert set(here.ran) == {"digest"}


def test_an_image_that_changes_between_its_hash_and_its_embedding_is_noticed(small, which, tmp_path):
    class Late(Here):
        def run(self, root, stage, ids, needs, progress):
            if stage == "embed":
                which.images[3].path.write_bytes(tiny.picture(5000, kind="jpeg"))
            return super().run(root, stage, ids, needs, progress)

    with pytest.raises(BuildError, match=r"3.jpg' has changed while it was embedded"):
        made(which, tmp_path, Late())
    assert not list((tmp_path / "cache").glob("[0-9a-f]*"))
    assert made(which, tmp_path, Here()).readable.all()


def test_another_checkpoint_on_the_machine_that_embeds_is_refused(small, which, tmp_path):
    config, checkpoint = saved(tmp_path)
    loaded = opened(config, checkpoint)
    state = torch.load(checkpoint)
    state["visual.proj"][0, 0] += 1e-3
    torch.save(state, checkpoint)
    module._opened.cache_clear()
    with pytest.raises(ConfigError, match="is another checkpoint on the machine that embeds"):
        made(which, tmp_path, Here(), loaded=loaded)


def test_progress_counts_images(small, which, tmp_path):
    heard = []
    there = Elsewhere(Here(), tmp_path / "work")
    embed(opened(*tiny.files()), which, ALONE, tmp_path / "cache", "fp32", heard.append, there)
    assert heard == [10, 20, 24]
