"""The batches of a step are the same to the bit, whoever makes them, and from wherever one begins."""

import functools
import http.server
import os
import signal
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest
import torch

from tests.train import tars
from wit_builder.errors import BuildError, ConfigError
from wit_builder.shardset import sources
from wit_builder.shardset.cache import Cache
from wit_builder.train import loader
from wit_builder.train.loader import Loader
from wit_builder.train.reader import Plan
from wit_builder.train.samples import Preparation

FIELDS = ("images", "tokens", "valid", "image_ids", "text_ids")


def plan_of(cache, *folders, batch=8, weights=None, **preparation):
    words = [str(folder) for folder in folders]
    shards = sources.shards(words, cache)
    return Plan(shards, weights or (1.0,) * len(words), batch, Preparation(32, **preparation), 77)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def plan(tmp_path, cache):
    return plan_of(cache, tars.folder(tmp_path / "set", [13, 9, 21]))


def some(plan, cache, count, first=0, **options):
    batches = Loader(plan, cache, **options).batches(first)
    try:
        return [next(batches) for _ in range(count)]
    finally:
        batches.close()


def same(one, other):
    return (
        one.keys == other.keys
        and one.skipped == other.skipped
        and all(torch.equal(getattr(one, field), getattr(other, field)) for field in FIELDS)
    )


def test_any_number_of_workers_makes_the_same_batches(plan, cache):
    alone = some(plan, cache, 12, workers=0)
    for workers in (1, 3, 9):
        assert all(map(same, alone, some(plan, cache, 12, workers=workers)))


def test_one_can_begin_at_any_step(plan, cache):
    whole = some(plan, cache, 12, workers=0)
    for first in (1, 5, 6, 11):
        assert same(whole[first], some(plan, cache, 1, first, workers=first % 3)[0])


def test_ranks_share_a_batch(plan, cache):
    whole = some(plan, cache, 7, workers=0)
    shares = [some(plan, cache, 7, rank=rank, ranks=4, workers=rank % 2) for rank in range(4)]
    for step, parts in enumerate(zip(*shares, strict=True)):
        assert sum((part.keys for part in parts), []) == whole[step].keys
        assert torch.equal(torch.cat([part.images for part in parts]), whole[step].images)


def test_the_keys_of_a_step_can_be_asked_for(plan, cache):
    made = Loader(plan, cache, workers=0)
    batches = some(plan, cache, 7, workers=0)
    for step in (0, 3, 6):
        asked = made.keys(step)
        assert [key for _, key in asked] == batches[step].keys
        assert all(shard in ("00000.tar", "00001.tar", "00002.tar") for shard, _ in asked)


def test_an_epoch_sees_each_sample_once_but_for_the_rest(plan, cache):
    made = Loader(plan, cache)
    assert (made.samples, made.steps) == (43, 5)
    first, second = ([k for b in some(plan, cache, 5, at, workers=0) for k in b.keys] for at in (0, 5))
    assert len(set(first)) == len(set(second)) == 40
    assert first != second


def test_a_batch_has_the_shapes_and_types_that_it_says(plan, cache):
    (batch,) = some(plan, cache, 1, workers=1)
    assert batch.images.shape == (8, 3, 32, 32)
    assert batch.images.dtype == torch.uint8
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.tokens.dtype == batch.image_ids.dtype == batch.text_ids.dtype == torch.int64
    assert batch.tokens.shape[1] == max(int(row.argmax()) + 1 for row in batch.tokens)
    assert batch.valid.all()
    assert len(set(batch.image_ids.tolist())) == 8


def test_a_batch_stays_what_it_is_when_the_next_is_made(plan, cache):
    batches = Loader(plan, cache, workers=1, ahead_bytes=0).batches()
    kept = next(batches)
    images = kept.images.clone()
    for _ in range(4):
        next(batches)
    batches.close()
    assert torch.equal(kept.images, images)


def test_samples_that_cannot_be_used_are_counted_and_not_valid(tmp_path, cache):
    good = {f"{n:09d}": tars.members(n) for n in range(14)}
    bad = {
        "broken": tars.members(1) | {"jpg": tars.jpeg(1)[:-200]},
        "other": tars.members(1) | {"jpg": b"GIF nothing"},
        "mute": tars.members(1, caption=" "),
    }
    tars.shard(tmp_path / "set" / "00000.tar", good | bad)
    plan = plan_of(cache, tmp_path / "set", batch=17)
    for workers in (0, 2):
        (batch,) = some(plan, cache, 1, workers=workers, max_skipped=0.2)
        assert batch.skipped == {"decode_error": 1, "not_image": 1, "no_caption": 1}
        unusable = {key for key, valid in zip(batch.keys, batch.valid.tolist(), strict=True) if not valid}
        assert unusable == set(bad)
        assert not batch.images[~batch.valid].any()
        assert not batch.tokens[~batch.valid].any()


def test_a_shard_with_fewer_samples_than_its_stats_say_has_missing_ones(tmp_path, cache):
    tars.folder(tmp_path / "set", [10])
    (tmp_path / "set" / "00000_stats.json").write_text('{"successes": 12}')
    (batch,) = some(plan_of(cache, tmp_path / "set", batch=12), cache, 1, workers=1, max_skipped=0.2)
    assert batch.skipped == {"missing": 2}
    assert batch.keys.count("") == 2
    assert sorted(key for _, key in Loader(plan_of(cache, tmp_path / "set", batch=12), cache).keys(0))[
        :3
    ] == [
        "",
        "",
        "000000000",
    ]


def test_shards_that_end_too_early_are_said(tmp_path, cache):
    tars.folder(tmp_path / "set", [4, 4, 4])
    assert Loader(plan_of(cache, tmp_path / "set"), cache).problem == ""
    for name, said in (("00001", "00001.tar is cut: "), ("00000", "2 shards, such as 00000.tar, are cut: ")):
        path = tmp_path / "set" / f"{name}.tar"
        path.write_bytes(path.read_bytes().rstrip(b"\0")[:-100])
        assert Loader(plan_of(cache, tmp_path / "set"), cache).problem.startswith(said)


def test_too_many_unusable_samples_end_the_run(tmp_path, cache):
    """Of an epoch of 40, a tenth are four."""
    parts = {f"{n:09d}": tars.members(n) | ({"jpg": b"no"} if n % 5 == 0 else {}) for n in range(40)}
    tars.shard(tmp_path / "set" / "00000.tar", parts)
    plan = plan_of(cache, tmp_path / "set")
    assert len(some(plan, cache, 10, workers=0, max_skipped=0.3)) == 10  # one in five
    with pytest.raises(BuildError, match=r"5 of \d+ samples cannot be used \(5 not_image\)"):
        some(plan, cache, 10, workers=0, max_skipped=0.1)


def test_what_was_skipped_before_counts_when_a_run_goes_on(cache, plan):
    made = Loader(plan, cache, ranks=2, workers=0, max_skipped=0.1)
    with closing(made.batches(300, {"not_image": 200})) as batches:  # half of them were this rank's
        next(batches)
    assert (made.seen, made.skipped) == (301 * made.rows, {"not_image": 100})
    with closing(made.batches(300, {"not_image": 600})) as batches, pytest.raises(BuildError, match="300 of"):
        next(batches)


def test_a_step_without_any_usable_sample_ends_the_run(tmp_path, cache):
    tars.shard(tmp_path / "set" / "00000.tar", {str(n): tars.members(n) | {"jpg": b"no"} for n in range(9)})
    with pytest.raises(BuildError, match="8 of 8 samples cannot be used"):
        some(plan_of(cache, tmp_path / "set"), cache, 1, workers=1, max_skipped=1.0)


def test_too_few_samples_for_a_step_are_an_error_at_the_start(tmp_path, cache, plan):
    with pytest.raises(ConfigError, match="batch is 44, the shards have 43 samples"):
        Loader(replace(plan, batch=44), cache)
    assert Loader(replace(plan, batch=43), cache).steps == 1
    with pytest.raises(ConfigError, match="cannot be shared by 3 ranks"):
        Loader(plan, cache, ranks=3)
    tars.shard(tmp_path / "none" / "00000.tar", {"a": {"txt": b"no image"}})
    with pytest.raises(ConfigError, match="no sample that can be used"):
        Loader(plan_of(cache, tmp_path / "none"), cache)


def test_weights_take_less_of_one_source_and_more_of_another(tmp_path, cache):
    a, b = tars.folder(tmp_path / "a", [20]), tmp_path / "b"
    tars.shard(b / "00000.tar", {f"b{n}": tars.members(n) for n in range(20)})
    plan = plan_of(cache, a, b, batch=50, weights=(0.5, 2.0))
    keys = [some(plan, cache, 2, workers=0)[epoch].keys for epoch in (0, 1)]
    for one in keys:
        assert sorted(key for key in one if key[0] == "b") == sorted(
            f"b{n}" for n in range(20) for _ in range(2)
        )
    halves = [{key for key in one if key[0] != "b"} for one in keys]
    assert [len(half) for half in halves] == [10, 10]
    assert len(halves[0] | halves[1]) == 20


def test_a_worker_that_is_killed_ends_the_run_with_a_sentence(plan, cache, monkeypatch):
    children = []

    class Noted(loader.Child):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            children.append(self)

    monkeypatch.setattr(loader, "Child", Noted)
    batches = Loader(plan, cache, workers=2, ahead_bytes=0).batches()
    next(batches)
    os.kill(children[1].pid, signal.SIGKILL)
    with pytest.raises(BuildError, match=r"a process of the loader ended at step \d \(SIGKILL\)"):
        for _ in range(5):
            next(batches)
    assert all(child._process.poll() is not None for child in children)


def test_closing_the_iterator_ends_its_processes(plan, cache, monkeypatch):
    children = []
    real = loader.Child.__init__
    monkeypatch.setattr(
        loader.Child, "__init__", lambda self, *a, **o: (children.append(self), real(self, *a, **o))[1]
    )
    batches = Loader(plan, cache, workers=2).batches()
    next(batches)
    batches.close()
    assert len(children) == 2
    assert all(child._process.poll() is not None for child in children)


def test_a_shard_that_changed_since_the_start_ends_the_run(tmp_path, cache, plan):
    path = tmp_path / "set" / "00001.tar"
    path.write_bytes(path.read_bytes() + bytes(512))
    for workers in (0, 1):
        with pytest.raises(BuildError, match=r"00001\.tar has changed"):
            some(plan, cache, 5, workers=workers)


def test_the_time_spent_waiting_is_measured(plan, cache):
    made = Loader(plan, cache, workers=0)
    batches, began = made.batches(), time.perf_counter()
    for _ in range(5):
        next(batches)
    assert 0 < made.waited_s <= time.perf_counter() - began
    assert made.seen == 40
    batches.close()


@pytest.fixture
def served(tmp_path):
    """The address of a folder of shards, each with its stats."""
    folder = tars.folder(tmp_path / "served", [13, 9, 21])
    for number, size in enumerate([13, 9, 21]):
        (folder / f"{number:05d}_stats.json").write_text(f'{{"successes": {size}}}')

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=folder)
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_shards_of_a_server_make_the_same_batches_and_are_brought_here_whole(served, tmp_path, cache):
    remote = plan_of(cache, f"{served}/{{00000..00002}}.tar")
    assert not list(cache.folder.glob("*.tar"))
    local = some(plan_of(cache, tmp_path / "served"), cache, 7, workers=0)
    assert all(map(same, local, some(remote, cache, 7, workers=2)))
    sizes = {path.stat().st_size for path in (tmp_path / "served").glob("*.tar")}
    assert {path.stat().st_size for path in cache.folder.glob("*.tar")} == sizes
