"""What detectors made of a shard counts for that very shard and detector, and for no other."""

import os
from dataclasses import dataclass, replace

import fsspec
import numpy as np
import pytest

from tests.audit import folders
from wit_builder.audit import cached
from wit_builder.audit.detectors import described, words
from wit_builder.audit.exact import Bytes
from wit_builder.audit.perceptual import Pdq
from wit_builder.errors import BuildError, WitError
from wit_builder.shardset import sources
from wit_builder.shardset.cache import Cache


@dataclass(frozen=True)
class Counting:
    """The first bytes of an image; remembers how many it was shown. None of what begins with x."""

    seen: list
    id: str = "counting"
    sha256: str = described("counting", 1)
    kind: str = "key"

    def of(self, images, turned):
        self.seen.append(len(images))
        return [None if image.body[:1] == b"x" else words([image.body[:32].ljust(32)]) for image in images]


@pytest.fixture
def made(tmp_path):
    """Makes what a detector makes of the first shard; its sha256 and what is kept."""

    def make(detector, folder=None):
        shard = sources.shards([str(tmp_path / "shards")], Cache(tmp_path / "cache"))[0]
        said = cached.make(shard, {detector.id: detector}, folder, Cache(tmp_path / "cache"))
        return cached.read(cached.path(shard, detector, folder), said.tar, detector)

    return make


def test_it_is_made_once_and_says_what_could_not_be_read(tmp_path, made):
    folders.shards(tmp_path / "shards", [b"a1", b"x", b"a2"])
    detector = Counting([])
    first, second = made(detector), made(detector)
    assert detector.seen == [3]
    assert (second.sample.tolist(), second.samples, second.unreadable) == ([0, 2], 3, 1)
    assert (first.rows == second.rows).all()


def test_a_shard_that_changed_is_read_again(tmp_path, made):
    folders.shards(tmp_path / "shards", [b"a1", b"a2"])
    detector = Counting([])
    made(detector)
    before = (tmp_path / "shards" / "00000.tar").stat()
    folders.shards(tmp_path / "shards", [b"a1", b"b2"])
    os.utime(tmp_path / "shards" / "00000.tar", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert made(detector).rows[1].tobytes()[:2] == b"b2"
    assert detector.seen == [2, 2]


@pytest.mark.parametrize(("settled", "times"), [(0.0, 1), (1e9, 3)])
def test_a_tar_is_hashed_until_its_last_change_lies_behind(tmp_path, made, monkeypatch, settled, times):
    folders.shards(tmp_path / "shards", [b"a1"])
    monkeypatch.setattr(cached, "SETTLED_S", settled)
    opened, plain = [], Cache.open
    monkeypatch.setattr(Cache, "open", lambda cache, shard: opened.append(shard) or plain(cache, shard))
    detector = Counting([])
    for _ in range(3):
        made(detector)
    assert len(opened) == times
    assert detector.seen == [1]


def test_a_shard_that_only_looks_changed_is_not(tmp_path, made):
    folders.shards(tmp_path / "shards", [b"a1", b"a2"])
    detector = Counting([])
    made(detector)
    folders.shards(tmp_path / "shards", [b"a1", b"a2"])
    made(detector)
    os.utime(tmp_path / "shards" / "00000.tar")
    made(detector)
    assert detector.seen == [2]


def test_another_detector_of_that_name_makes_its_own(tmp_path, made):
    folders.shards(tmp_path / "shards", [b"a1"])
    one = Counting([])
    made(one)
    made(replace(one, sha256=described("counting", 2)))
    made(replace(one, sha256=one.sha256[:8] + "0" * 56))  # the same file name
    assert one.seen == [1, 1, 1]


def test_a_damaged_file_is_made_again(tmp_path, made):
    folders.shards(tmp_path / "shards", [b"a1"])
    detector = Counting([])
    made(detector)
    (kept,) = (tmp_path / "shards" / ".audit").iterdir()
    kept.write_bytes(kept.read_bytes()[:-40])
    made(detector)
    assert detector.seen == [1, 1]


def test_what_went_while_it_was_in_use_is_said(tmp_path):
    folders.shards(tmp_path / "shards", [b"a1"])
    shard = sources.shards([str(tmp_path / "shards")], Cache(tmp_path / "cache"))[0]
    detector = Counting([])
    said = cached.make(shard, {detector.id: detector}, tmp_path / "own", Cache(tmp_path / "cache"))
    with pytest.raises(BuildError, match="removed or changed while it was in use"):
        cached.read(cached.path(shard, detector, tmp_path / "own"), said.tar[::-1], detector)


def test_it_lies_in_the_folder_that_is_named_else_beside_the_shard(tmp_path, made):
    folders.shards(tmp_path / "shards", [b"a1"])
    made(Counting([]), tmp_path / "own")
    assert len(list((tmp_path / "own").iterdir())) == 1
    assert not (tmp_path / "shards" / ".audit").exists()


def test_where_nobody_may_write_it_lies_in_the_users_cache(tmp_path, monkeypatch):
    folders.shards(tmp_path / "shards", [b"a1"])
    shard = sources.shards([str(tmp_path / "shards")], Cache(tmp_path / "cache"))[0]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert cached.path(shard, Counting([]), None).parent == tmp_path / "home" / "wit-builder" / "audit"


def test_a_shard_in_a_store_is_not_asked_for_again_while_its_version_is_the_same(tmp_path):
    store = fsspec.filesystem("memory")
    local = folders.shards(tmp_path / "shards", [b"a1", b"a2"]) / "00000.tar"
    store.pipe("/bucket/00000.tar", local.read_bytes())
    (shard,) = sources.shards(["memory://bucket/00000.tar"], Cache(tmp_path / "cache"))
    detector = Counting([])

    def make(version, cache):
        shard_ = replace(shard, version=version)
        return cached.make(shard_, {detector.id: detector}, tmp_path / "own", Cache(tmp_path / cache))

    made = make("1", "cache")
    store.store.clear()
    assert make("1", "another") == made
    assert detector.seen == [2]
    with pytest.raises(WitError):
        make("2", "another")


def test_a_hash_that_the_build_stored_is_taken_and_nothing_decoded(tmp_path, made):
    stored = [{"phash": f"{n:064x}", "sha256": f"{n + 5:064x}"} for n in (1, 2)]
    folders.shards(tmp_path / "shards", [b"no image"] * 2, said=lambda n: stored[n])
    assert [row.tobytes().hex() for row in made(Pdq()).rows] == [one["phash"] for one in stored]
    assert (made(Bytes()).rows[1].tobytes().hex(), made(Bytes()).sample.tolist()) == (
        f"{5 + 1:064x}",
        [0, 0, 1, 1],
    )


@pytest.mark.parametrize("said", [{}, {"phash": "00"}, {"phash": "zz" * 32}, {"phash": 7, "sha256": 7}])
def test_without_a_sound_one_the_image_is_hashed(tmp_path, made, said):
    folders.shards(tmp_path / "shards", [folders.jpeg(1)], said=lambda n: said)
    (row,) = made(Pdq()).rows
    assert 0 < int(np.bitwise_count(row).sum()) <= 128
    assert len(made(Bytes()).rows) == 1
