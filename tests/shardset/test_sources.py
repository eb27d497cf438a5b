"""What users write means shards: braces, globs, folders, stores, weights; counted, fingerprinted, each once."""

import gzip
import json

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.train import tars
from wit_builder.errors import ConfigError, ShardError
from wit_builder.shards import manifest
from wit_builder.shards.writer import ShardInfo
from wit_builder.shardset import exclude, sources
from wit_builder.shardset.cache import Cache


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def names(words, cache):
    return [(shard.name, shard.samples, shard.source) for shard in sources.shards(words, cache)]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("{00000..00002}.tar", ["00000.tar", "00001.tar", "00002.tar"]),
        ("{8..11}", ["8", "9", "10", "11"]),
        ("{2..0}", ["2", "1", "0"]),
        ("{a,b}/{0..1}.tar", ["a/0.tar", "a/1.tar", "b/0.tar", "b/1.tar"]),
        ("{a}.tar", ["{a}.tar"]),
        ("plain.tar", ["plain.tar"]),
        ("{098..101}", ["098", "099", "100", "101"]),
    ],
)
def test_braces_are_written_out(word, meant):
    assert sources.expanded(word) == meant


@pytest.mark.parametrize("word", ["{0..99999999}", "{0..9999}{0..9999}{0..9999}", "{0..99999999999999999}"])
def test_braces_that_mean_too_many_are_refused(word):
    with pytest.raises(ConfigError, match="more than 10000000 shards"):
        sources.expanded(word)


def test_folders_globs_and_braces_mean_the_same_shards(tmp_path, cache):
    folder = tars.folder(tmp_path / "set", [3, 2, 1])
    due = [("00000.tar", 3, 0), ("00001.tar", 2, 0), ("00002.tar", 1, 0)]
    for word in (folder, folder / "*.tar", folder / "{00000..00002}.tar", f"file://{folder}"):
        assert names([str(word)], cache) == due


def test_several_sources_keep_their_numbers(tmp_path, cache):
    for name in ("a", "b"):
        tars.folder(tmp_path / name, [2])
    assert names([str(tmp_path / "a"), str(tmp_path / "b")], cache) == [
        ("00000.tar", 2, 0),
        ("00000.tar", 2, 1),
    ]
    with pytest.raises(ConfigError, match="is in two sources"):
        names([str(tmp_path / "a"), str(tmp_path / "*" / "00000.tar")], cache)


def test_weights_stand_behind_an_at_sign(tmp_path):
    odd = tmp_path / "set@2"
    odd.mkdir()
    assert sources.weighed(["a", "b@0.5", "s3://x/{0..9}.tar@3", str(odd), "user@host"]) == (
        ("a", "b", "s3://x/{0..9}.tar", str(odd), "user@host"),
        (1.0, 0.5, 3.0, 1.0, 1.0),
    )


@pytest.mark.parametrize("word", ["nothing", "*.tar", "{0..3}.tar", "memory://nowhere/{0..1}.tar"])
def test_words_that_mean_nothing_are_named(tmp_path, cache, word):
    with pytest.raises(ConfigError, match=r"nothing|tar"):
        names([word if "://" in word else str(tmp_path / word)], cache)
    with pytest.raises(ConfigError, match="no shards are named"):
        names([], cache)


def test_an_empty_file_is_refused(tmp_path, cache):
    (tmp_path / "00000.tar").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"00000\.tar is empty"):
        names([str(tmp_path)], cache)


def listed_shard(out, samples):
    """A shard of three samples in a build whose manifest says that it has so many."""
    path = tars.shard(out / "shards" / "00000.tar", 3)
    written = ShardInfo(
        shard=0, file=path.name, sha256="f" * 64, bytes=path.stat().st_size, samples=samples, failures=0,
        first_key="", last_key="", sidecar="", sidecar_sha256="", sidecar_bytes=0, stats="", stats_sha256="",
        stats_bytes=0,
    )  # fmt: skip
    manifest.write_manifest(out, [written])
    return path


def excluding(path, rows):
    """A file that leaves out these (shard, key)."""
    pq.write_table(
        pa.table(dict(zip(("shard", "key"), map(list, zip(*rows, strict=True)), strict=True))), path
    )
    return exclude.read(str(path))


def test_a_manifest_counts_without_a_look_at_the_tars(tmp_path, cache):
    path = listed_shard(tmp_path / "out", 2)
    (found,) = sources.shards([str(path.parent)], cache)
    assert (found.samples, found.sha256) == (2, "f" * 64)  # the manifest's word
    assert not (tmp_path / "cache").exists()
    with path.open("ab") as file:
        file.write(bytes(512))
    with pytest.raises(ShardError, match="its manifest says"):
        sources.shards([str(path.parent)], cache)


def test_img2datasets_stats_count_too(tmp_path, cache):
    tars.folder(tmp_path, [3, 3, 3])
    (tmp_path / "00000_stats.json").write_text(json.dumps({"count": 9, "successes": 7}))
    (tmp_path / "00001_stats.json").write_text("{")
    assert [samples for _, samples, _ in names([str(tmp_path)], cache)] == [7, 3, 3]


def test_a_fingerprint_tells_other_shards(tmp_path, cache):
    def of(sizes, name):
        return sources.fingerprint(sources.shards([str(tars.folder(tmp_path / name, sizes))], cache))

    assert of([3, 2], "a") == of([3, 2], "b")  # the same bytes elsewhere
    assert len({of([3, 2], "a"), of([2, 3], "c"), of([3, 2, 1], "d")}) == 3


def test_shards_of_a_store_are_brought_here_once(tmp_path, cache):
    store = fsspec.filesystem("memory")
    local = tars.folder(tmp_path / "set", [3, 2])
    for path in local.glob("*.tar"):
        store.pipe(f"/bucket/{path.name}", path.read_bytes())
    try:
        found = sources.shards(["memory://bucket/{00000..00001}.tar"], cache)
        assert [shard.samples for shard in found] == [3, 2]
        assert cache.path(found[0]).read_bytes() == (local / "00000.tar").read_bytes()
        store.rm("/bucket", recursive=True)
        assert len(cache.indexed(found[0]).bounds) == 3  # from here
    finally:
        store.store.clear()


def test_samples_left_out_are_not_counted(tmp_path, cache):
    folder = tars.folder(tmp_path / "set", [3, 2])
    rows = [("00000.tar", "000000001"), ("00000", "000000001"), ("00001.tar", "000000003")]
    left_out = excluding(tmp_path / "exclude.parquet", rows)
    found = sources.shards([str(folder)], cache, left_out)
    assert [shard.samples for shard in found] == [2, 1]
    assert sources.fingerprint(found, left_out) != sources.fingerprint(found)


@pytest.mark.parametrize("counted", ["by headers", "by a manifest", "by stats"])
def test_those_are_left_out_that_are_really_there(tmp_path, cache, counted):
    path = listed_shard(tmp_path / "out", 3)
    if counted != "by a manifest":
        (tmp_path / "out" / manifest.FILE).unlink()
    if counted == "by stats":
        path.with_name("00000_stats.json").write_text('{"successes": 3}')
    rows = [
        ("00000.tar", "000000001"),
        ("00000", "000000001"),
        ("00000", "forgotten"),
        ("00009", "elsewhere"),
    ]
    left_out = excluding(tmp_path / "exclude.parquet", rows)
    (found,) = sources.shards([str(path.parent)], cache, left_out)
    assert found.samples == len(cache.indexed(found, left_out).bounds) == 2
    assert sources.passed_over([found]) == {"excluded": 1, "absent": 1}


def test_of_a_damaged_shard_as_many_are_due_as_its_manifest_says(tmp_path, cache):
    """Where some are left out, as where none are, what lies behind the damage is missing when it is read."""
    path = listed_shard(tmp_path / "out", 3)
    body = path.read_bytes()
    at = body.index(b"000000001") // 512 * 512
    path.write_bytes(body[:at] + b"\xff" * (len(body) - at))
    left_out = excluding(tmp_path / "exclude.parquet", [("00000", "000000000"), ("00000", "000000002")])
    (found,) = sources.shards([str(path.parent)], cache, left_out)
    assert (found.samples, len(cache.indexed(found, left_out).bounds)) == (1, 0)


def test_a_list_that_leaves_no_sample_over_says_how_many_it_leaves_out(tmp_path, cache):
    folder = tars.folder(tmp_path / "set", [2])
    left_out = excluding(tmp_path / "exclude.parquet", [("00000", "000000000"), ("00000", "000000001")])
    with pytest.raises(ConfigError, match="leaves out 2 samples of these shards, no other can be used"):
        sources.shards([str(folder)], cache, left_out)


def test_a_shard_that_is_gzip_is_named_so(tmp_path, cache):
    packed = tmp_path / "00000.tar"
    packed.write_bytes(gzip.compress(tars.shard(tmp_path / "plain.tar", 1).read_bytes()))
    with pytest.raises(ConfigError, match=r"00000\.tar is gzip, and shards are plain tars"):
        sources.shards([str(packed)], cache)


def test_a_list_for_other_shards_is_refused(tmp_path, cache):
    listed = tmp_path / "exclude.parquet"
    pq.write_table(pa.table({"shard": ["00000.tar"], "key": ["nobody"]}), listed)
    with pytest.raises(ConfigError, match=r"names 1 sample, and none of them is in these shards"):
        sources.shards([str(tars.folder(tmp_path / "a", [2]))], cache, exclude.read(str(listed)))
    pq.write_table(pa.table({"shard": ["/data/00000.tar", "9"], "key": ["a", "b"]}), listed)
    with pytest.raises(ConfigError, match=r"leaves out samples of /data/00000\.tar, and no shard has one of"):
        sources.shards([str(tmp_path / "a")], cache, exclude.read(str(listed)))
    pq.write_table(pa.table({"shard": ["00000.tar"], "key": ["nobody"]}), listed)
    tars.folder(tmp_path / "b", [2])
    with pytest.raises(ConfigError, match="several shards have that name"):
        sources.shards([str(tmp_path / "a"), str(tmp_path / "b")], cache, exclude.read(str(listed)))
    listed.write_bytes(b"no parquet")
    with pytest.raises(ConfigError, match="no parquet file"):
        sources.shards([str(tmp_path / "a")], cache, exclude.read(str(listed)))
