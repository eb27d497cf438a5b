"""The cache holds so many bytes, brings whole files, and knows when a shard is another one."""

import os
import time
from dataclasses import replace

import fsspec
import pytest

from tests.train import tars
from wit_builder.errors import BuildError, ConfigError
from wit_builder.shardset import sources
from wit_builder.shardset.cache import Cache


@pytest.fixture
def remote(tmp_path):
    """Four shards in a store, and an empty cache."""
    store = fsspec.filesystem("memory")
    for path in tars.folder(tmp_path / "set", [2] * 4).glob("*.tar"):
        store.pipe(f"/bucket/{path.name}", path.read_bytes())
    yield sources.shards(["memory://bucket/*.tar"], Cache(tmp_path / "first"))
    store.store.clear()


def test_what_was_used_longest_ago_makes_room(tmp_path, remote):
    cache = Cache(tmp_path / "cache", 3 * remote[0].bytes)
    paths = [cache.path(shard) for shard in remote[:3]]
    long_ago = time.time() - 3600
    for path, by in zip(paths, (2, 1, 3), strict=True):
        os.utime(path, (long_ago + by, long_ago + by))
    cache.path(remote[3])
    assert [path.exists() for path in paths] == [True, False, True]


def test_what_is_in_use_stays(tmp_path, remote):
    cache = Cache(tmp_path / "cache", 2 * remote[0].bytes)
    assert all(path.exists() for path in [cache.path(shard) for shard in remote])


def test_a_shard_larger_than_the_cache_is_refused(tmp_path, remote):
    with pytest.raises(ConfigError, match="holds 1000"):
        Cache(tmp_path / "cache", 1000).path(remote[0])


def test_a_shard_of_another_size_than_listed_is_refused(tmp_path, remote):
    cache = Cache(tmp_path / "cache")
    with pytest.raises(BuildError, match="were listed"):
        cache.path(replace(remote[0], bytes=remote[0].bytes + 1))
    assert not list((tmp_path / "cache").glob("*.tar"))
    (local,) = sources.shards([str(tars.shard(tmp_path / "00009.tar", 1))], cache)
    with (tmp_path / "00009.tar").open("ab") as file:
        file.write(b"more")
    with pytest.raises(BuildError, match="has changed"):
        cache.open(local)
