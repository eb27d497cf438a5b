"""Other people's readers on our shards. Their rules are written out where they are no library here."""

import ast
import gc
import io
import json
import warnings
from pathlib import Path
from typing import Any

import pandas
import pytest
import webdataset
from PIL import Image

from tests.shards.pairs import failure, jpeg, reader, sample, samples
from wit_builder.shards.manifest import plan, write_manifest
from wit_builder.shards.writer import ShardSpec, write_shard

SMALL = ShardSpec(samples_per_shard=4)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A published data set of 10 samples in 3 shards, two failures in each."""
    infos = [
        write_shard(
            tmp_path / "shards",
            index,
            samples(10)[part],
            reader(),
            [failure(50 + index, "http_404"), failure(60 + index, "decode_error")],
            SMALL,
        )
        for index, part in enumerate(plan(10, SMALL))
    ]
    write_manifest(tmp_path, infos)
    return tmp_path


def pairs(out: Path, *decoders: str) -> list[dict[str, Any]]:
    """What webdataset reads of all shards; it leaves the tars open, for which this is no place to fail."""
    tars = sorted(str(path) for path in (out / "shards").glob("*.tar"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        found = list(webdataset.WebDataset(tars, shardshuffle=False).decode(*decoders))
        gc.collect()
    return found


def test_webdataset_reads_every_pair_in_order(out: Path) -> None:
    found = pairs(out, "pil")

    assert [pair["__key__"] for pair in found] == [
        *("000000", "000001", "000002", "000003"),
        *("000010", "000011", "000012", "000013"),
        *("000020", "000021"),
    ]
    assert [pair["txt"] for pair in found] == [sample(n).caption for n in range(10)]


def test_webdataset_decodes_image_and_json(out: Path) -> None:
    pair = pairs(out, "pil")[7]

    assert pair["jpg"].size == Image.open(io.BytesIO(jpeg(7))).size
    assert (pair["json"]["url"], pair["json"]["status"]) == (sample(7).url, "success")


def test_webdataset_s_brace_expansion_finds_the_shards(out: Path) -> None:
    tars = webdataset.shardlists.expand_urls(f"{out}/shards/{{00000..00002}}.tar")

    assert tars == sorted(str(path) for path in (out / "shards").glob("*.tar"))


def test_a_pair_has_just_the_members_that_readers_expect(out: Path) -> None:
    assert {name for name in pairs(out)[0] if not name.startswith("__")} == {"jpg", "json", "txt"}


@pytest.mark.parametrize("extension", ["png", "webp"])
def test_webdataset_decodes_other_formats(tmp_path: Path, extension: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (9, 7)).save(file, extension)
    stored = sample(0, format=extension, length=len(file.getvalue()))
    write_shard(tmp_path / "shards", 0, [stored], reader({stored.url: file.getvalue()}), (), SMALL)

    assert pairs(tmp_path, "pil")[0][extension].size == (9, 7)


def test_img2dataset_s_resume_knows_every_shard_as_done(out: Path) -> None:
    done = {int(path.name.split("_")[0]) for path in (out / "shards").glob("*.json")}

    assert done == {0, 1, 2}


def test_img2dataset_s_progress_log_can_use_the_stats(out: Path) -> None:
    for path in (out / "shards").glob("*_stats.json"):
        stats = json.loads(path.read_text())
        assert stats["count"] / stats["duration"] > 0
        assert sum(stats["status_dict"].values()) == stats["count"]
        assert stats["successes"] + stats["failed_to_download"] + stats["failed_to_resize"] == stats["count"]


def test_datacomp_s_resharder_finds_the_sizes(out: Path) -> None:
    sizes = [
        int(json.loads((out / "shards" / f"{shard:05d}_stats.json").read_text()).get("successes"))
        for shard in range(3)
    ]

    assert sizes == [4, 4, 2]


def test_open_clip_finds_the_size_of_the_data_set(out: Path) -> None:
    assert not (out / "shards" / "sizes.json").exists()  # it would be looked at first
    with (out / "shards" / "__len__").open() as file:
        assert ast.literal_eval(file.read()) == 10


def test_pandas_reads_the_sidecars_of_all_shards(out: Path) -> None:
    frame = pandas.concat(pandas.read_parquet(path) for path in sorted((out / "shards").glob("*.parquet")))

    assert len(frame) == 16
    assert list(frame[frame["status"] == "success"]["key"]) == [pair["__key__"] for pair in pairs(out)]


def test_json_and_sidecar_say_the_same(out: Path) -> None:
    rows = pandas.read_parquet(out / "shards" / "00000.parquet").to_dict("records")
    kept = [row for row in rows if row["status"] == "success"]
    for row, pair in zip(kept, pairs(out, "pil"), strict=False):
        for name in ("url", "caption", "width", "original_height", "sha256", "lang_score", "phash", "id"):
            assert row[name] == pair["json"][name]


@pytest.mark.parametrize("caption", ["x" * 1_000_000, "\0", "\ud800", "🦊", "a.b/c\\d"])
def test_webdataset_reads_hostile_captions(tmp_path: Path, caption: str) -> None:
    write_shard(tmp_path / "shards", 0, [sample(0, caption=caption), sample(1)], reader(), (), SMALL)
    found = pairs(tmp_path, "pil")

    assert [pair["txt"] for pair in found] == [caption.replace("\ud800", "?"), sample(1).caption]
