import numpy as np
import pytest

from tests.train.tars import jpeg, members, shard
from wit_builder.audit.learned import pairs
from wit_builder.audit.learned.pairs import Source
from wit_builder.audit.learned.views import PARTS
from wit_builder.errors import BuildError, ConfigError
from wit_builder.shardset import sources
from wit_builder.shardset.cache import Cache

SIDE = 16


@pytest.fixture
def source(tmp_path):
    """Made of shards, each given as a number of samples or as its samples; closed in the end."""
    made = []

    def of(*shards, batch=10, seed=0):
        for number, samples in enumerate(shards):
            if isinstance(samples, int):
                samples = {f"{n:09d}": members(1000 * number + n) for n in range(samples)}
            shard(tmp_path / "shards" / f"{number:05d}.tar", samples)
        cache = Cache(tmp_path / "cache")
        found = sources.shards([str(tmp_path / "shards")], cache)
        made.append(Source(found, cache, seed, batch, SIDE))
        return made[-1]

    yield of
    for one in made:
        one.close()


def test_a_step_is_the_same_however_often_it_is_asked_for_and_in_whatever_order(source):
    one = source(40, 30)
    steps = [one.step(number) for number in (0, 1, 8)]
    again = source(40, 30)
    for number, step in zip((8, 1, 0), reversed(steps), strict=True):
        found = again.step(number)
        assert np.array_equal(found.images, step.images)
        assert np.array_equal(found.copies, step.copies)
        assert np.array_equal(found.ids, step.ids)


def test_each_epoch_sees_every_image_once_but_those_held_out_and_changes_it_anew(source):
    one = source(40, 30, batch=9)
    assert (one.samples, one.held_out, one.steps) == (63, 7, 7)
    epochs = [[one.step(number) for number in range(first, first + 7)] for first in (0, 7)]
    seen = [np.sort(np.concatenate([step.ids for step in steps])) for steps in epochs]
    assert len(set(seen[0].tolist())) == 63
    assert np.array_equal(seen[0], seen[1])
    assert not set(seen[0].tolist()) & set(one.held(0, 7).ids.tolist())
    copies = [np.concatenate([step.copies for step in steps]) for steps in epochs]
    order = [np.argsort(np.concatenate([step.ids for step in steps])) for steps in epochs]
    assert not np.array_equal(copies[0][order[0]], copies[1][order[1]])


def test_another_seed_draws_otherwise(source):
    assert not np.array_equal(source(40).step(0).copies, source(40, seed=1).step(0).copies)


def test_images_held_out_are_seen_whole_and_in_parts(source):
    held = source(40, 30).held(0, 7)
    assert held.images.shape == (7, 1 + len(PARTS), SIDE, SIDE, 3)
    assert held.copies.shape == (7, SIDE, SIDE, 3)
    some = source(40, 30).held(3, 5)
    assert np.array_equal(some.images, held.images[3:5])
    assert np.array_equal(some.copies, held.copies[3:5])


def test_an_image_that_cannot_be_read_is_left_out_of_its_step(source):
    samples = {f"{number:09d}": members(number) for number in range(12)}
    samples["000000003"]["jpg"] = b"no image"
    one = source(samples, 20, batch=28)
    step = one.step(0)
    assert len(step.images) == len(step.copies) == len(step.ids) == 27


def test_a_step_without_any_image_says_where(source):
    broken = {f"{number:09d}": members(number) | {"jpg": b"no image"} for number in range(30)}
    with pytest.raises(BuildError, match=r"none of 10 images of 00000\.tar can be read"):
        source(broken).step(0)


def test_equal_images_have_equal_ids_by_their_hash_or_by_their_bytes(source):
    samples = {f"{number:09d}": members(number) for number in range(14)}
    samples["000000001"] |= {"jpg": jpeg(0), "json": b"{}"}
    samples["000000000"] |= {"json": b"{}"}
    samples["000000002"] = members(2, phash="ab" * 32)
    samples["000000003"] = members(3, phash="ab" * 32)
    ids = source(samples, 20, batch=31).step(0).ids
    assert len(ids) - len(set(ids.tolist())) == 2


def test_too_few_images_are_refused_with_the_batch_that_fits(source):
    with pytest.raises(
        ConfigError, match="batch is 100, and the shards have 70 samples, of which 7"
    ) as caught:
        source(40, 30, batch=100)
    assert caught.value.hint.startswith("--batch 63")


def test_an_image_and_its_copy_are_turned_alike_each_time_one_of_eight_ways(source, monkeypatch):
    monkeypatch.setattr(pairs, "drawn", lambda image, rng: image)
    monkeypatch.setattr(pairs, "RESIZES", pairs.RESIZES[-1:])
    one = source(40, batch=36)
    steps = [one.step(number) for number in range(40)]
    assert all(np.array_equal(step.images, step.copies) for step in steps)
    seen = {step.images[step.ids == step.ids.min()].tobytes() for step in steps}
    assert len(seen) == 8
