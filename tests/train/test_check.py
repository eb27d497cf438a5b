"""Before a run, the head of each shard says what would be trained on, and what is amiss."""

import pytest

from tests.train import tars
from wit_builder.shardset import sources
from wit_builder.shardset.cache import Cache
from wit_builder.train import check


def facts(folder, context=77):
    return check.inspect(sources.shards([str(folder)], Cache(folder / "cache")), context)


def test_whole_shards_have_nothing_amiss(tmp_path):
    found = facts(tars.folder(tmp_path, [5, 3]))
    assert (found.shards, found.samples, found.looked_at, found.captions) == (2, 8, 8, 8)
    assert found.problems == []
    assert not found.counts
    assert check.spread(found.short_sides) == (40, 40, 40)
    assert check.spread(found.tokens)[1] == 6  # start, "caption of picture 3", end


def test_captions_over_the_context_are_counted(tmp_path):
    captions = ["cat " * 75, "cat " * 76, "cat"]
    tars.shard(tmp_path / "0.tar", {str(n): tars.members(n, caption) for n, caption in enumerate(captions)})
    found = facts(tmp_path)
    assert (found.truncated, max(found.tokens), max(found.characters)) == (1, 77, 4 * 76 - 1)
    assert found.truncated_share == pytest.approx(1 / 3)


def test_what_is_amiss_is_named_with_its_shard(tmp_path):
    path = tars.shard(tmp_path / "00000.tar", 6)
    path.write_bytes(path.read_bytes()[:-20_000])
    tars.shard(tmp_path / "00001.tar", {"a": {"npy": b"1"}})
    tars.shard(tmp_path / "00002.tar", {"b": tars.members(1) | {"jpg": b"no picture"}})
    tars.shard(tmp_path / "00003.tar", {"c": tars.members(1, " "), "d": {"jpg": b"x"}})
    found = facts(tmp_path)
    assert [problem.split(":")[0].split(" begins")[0] for problem in found.problems] == [
        "00000.tar is cut",
        "00001.tar",
        "00002.tar",
    ]
    assert set(found.counts) == {"cut", "other", "not_image", "no_caption", "no_text"}


def test_only_the_head_of_a_large_shard_is_read(tmp_path, monkeypatch):
    path = tars.shard(tmp_path / "00000.tar", 40)
    monkeypatch.setattr(check, "HEAD", 20_000)
    found = facts(tmp_path)
    assert 0 < found.looked_at < 20
    assert found.problems == []
    path.write_bytes(path.read_bytes().rstrip(b"\0") + b"not zero")
    assert facts(tmp_path).problems == ["00000.tar is cut: its samples up to there are used"]


def test_a_spread_of_little_is_itself():
    assert check.spread([]) == (0, 0, 0)
    assert check.spread([7]) == (7, 7, 7)
    assert check.spread(range(101)) == (10, 50, 90)
