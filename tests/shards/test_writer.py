import json
import os
import resource
import tarfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.shards.pairs import NOON, failure, jpeg, reader, sample, samples
from wit_builder.errors import BuildError, ConfigError, ShardError
from wit_builder.shards import writer
from wit_builder.shards.writer import ShardSpec, read_info, write_shard

SMALL = ShardSpec(samples_per_shard=10)
LOST = [failure(20, "http_404"), failure(21, "decode_error", "cut"), failure(22, "http_404", "again")]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def stats(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "00000_stats.json").read_bytes())
    return found


# --- names and keys (data_side 4.1, 4.2)


@pytest.mark.parametrize(
    ("size", "digits"), [(1, 0), (2, 1), (10, 1), (11, 2), (1_000, 3), (10_000, 4), (10_001, 5)]
)
def test_digits_of_a_key_follow_from_the_shard_s_size(size: int, digits: int) -> None:
    assert ShardSpec(samples_per_shard=size).key_digits == digits


@pytest.mark.parametrize(
    ("index", "number", "key"), [(0, 0, "000000000"), (7, 31, "000070031"), (99_999, 9_999, "999999999")]
)
def test_a_key_is_shard_and_number_in_nine_digits(index: int, number: int, key: str) -> None:
    assert ShardSpec().key(index, number) == key


def test_a_shard_beyond_the_digits_has_no_name() -> None:
    assert ShardSpec().stem(99_999) == "99999"
    with pytest.raises(ValueError, match="shard 100000 has no name of 5 digits"):
        ShardSpec().stem(100_000)


@pytest.mark.parametrize(("size", "digits"), [(0, 5), (10, 0), (10, 10)])
def test_a_spec_that_can_hold_nothing_is_a_fault_of_the_recipe(size: int, digits: int) -> None:
    with pytest.raises(ConfigError, match="is no shard"):
        ShardSpec(samples_per_shard=size, index_digits=digits)


# --- the three files


def test_a_shard_is_three_files(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, samples(3), reader(), LOST, SMALL)

    assert names(tmp_path) == ["00000.parquet", "00000.tar", "00000_stats.json"]


def test_members_are_image_json_text_of_each_sample_in_order(tmp_path: Path) -> None:
    write_shard(tmp_path, 4, [sample(0), sample(1, format="png")], reader(), (), SMALL)

    with tarfile.open(tmp_path / "00004.tar") as tar:
        assert tar.getnames() == [
            *("000040.jpg", "000040.json", "000040.txt"),
            *("000041.png", "000041.json", "000041.txt"),
        ]


def test_members_hold_the_image_as_given_and_the_caption(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, [sample(0, caption="Müller 🦊")], reader(), (), SMALL)

    with tarfile.open(tmp_path / "00000.tar") as tar:
        data = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    assert data["000000.jpg"] == jpeg(0)
    assert data["000000.txt"] == "Müller 🦊".encode()
    assert json.loads(data["000000.json"])["caption"] == "Müller 🦊"


def test_the_sidecar_has_a_row_for_each_sample_and_each_failure(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, samples(2), reader(), LOST, SMALL)
    rows = pq.read_table(tmp_path / "00000.parquet").to_pylist()

    assert [(row["key"], row["status"]) for row in rows] == [
        ("000000", "success"),
        ("000001", "success"),
        (None, "failed_to_download"),
        (None, "failed_to_resize"),
        (None, "failed_to_download"),
    ]
    assert [row["fetched_at"] for row in rows[:2]] == [NOON, NOON + timedelta(seconds=1)]


def test_the_sidecar_is_zstd_in_one_row_group(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, samples(2), reader(), LOST, SMALL)
    metadata = pq.read_metadata(tmp_path / "00000.parquet")

    assert metadata.num_row_groups == 1
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def test_stats_count_every_row_and_its_message(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, samples(2), reader(), LOST, SMALL)

    assert stats(tmp_path) == {
        "count": 5,
        "successes": 2,
        "failed_to_download": 2,
        "failed_to_resize": 1,
        "duration": 22.0,
        "start_time": NOON.timestamp(),
        "end_time": NOON.timestamp() + 22,
        "status_dict": {"success": 2, "HTTP Error 404: Not Found": 2, "Image decoding error": 1},
    }


def test_the_duration_is_never_zero_as_others_divide_by_it(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, [sample(0)], reader(), (), SMALL)

    assert stats(tmp_path)["duration"] == 0.001


def test_a_shard_of_failures_only_is_written(tmp_path: Path) -> None:
    info = write_shard(tmp_path, 0, [], reader(), LOST, SMALL)

    assert (info.samples, info.failures, info.first_key) == (0, 3, "")


def test_a_shard_of_nothing_is_written(tmp_path: Path) -> None:
    info = write_shard(tmp_path, 0, [], reader(), (), SMALL)

    assert (info.samples, info.failures, stats(tmp_path)["count"]) == (0, 0, 0)


def test_the_info_is_what_lies_on_the_disk(tmp_path: Path) -> None:
    info = write_shard(tmp_path, 3, samples(5), reader(), LOST, SMALL)

    assert info == read_info(tmp_path, "00003")
    assert (info.shard, info.file, info.samples, info.failures) == (3, "00003.tar", 5, 3)
    assert (info.first_key, info.last_key) == ("000030", "000034")
    assert info.bytes == (tmp_path / "00003.tar").stat().st_size


def test_a_damaged_sidecar_is_named(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, samples(1), reader(), (), SMALL)
    (tmp_path / "00000.parquet").write_bytes(b"PAR1 no")

    with pytest.raises(ShardError, match=r"00000\.parquet cannot be read"):
        read_info(tmp_path, "00000")


# --- the same bytes


def test_writing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    write_shard(tmp_path / "one", 0, samples(5), reader(), LOST, SMALL)
    write_shard(tmp_path / "two", 0, samples(5), reader(), LOST, SMALL)

    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_later_run_over_the_same_web_gives_the_same_tar(tmp_path: Path) -> None:
    later = [
        sample(n, fetched_at=NOON + timedelta(days=9), found_at=NOON + timedelta(days=8)) for n in range(5)
    ]
    one = write_shard(tmp_path / "one", 0, samples(5), reader(), LOST, SMALL)
    two = write_shard(tmp_path / "two", 0, later, reader(), LOST, SMALL)

    assert one.sha256 == two.sha256
    assert one.sidecar_sha256 != two.sidecar_sha256


def test_where_an_image_was_staged_leaves_no_trace(tmp_path: Path) -> None:
    moved = [sample(n, tar="elsewhere.tar", offset=99) for n in range(5)]
    write_shard(tmp_path / "one", 0, samples(5), reader(), LOST, SMALL)
    write_shard(tmp_path / "two", 0, moved, reader(), LOST, SMALL)

    assert contents(tmp_path / "one") == contents(tmp_path / "two")


# --- what goes wrong


def test_one_sample_too_many_is_refused_and_as_many_as_fit_are_not(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, samples(10), reader(), (), SMALL)
    with pytest.raises(ValueError, match="11 samples for a shard of 10"):
        write_shard(tmp_path, 0, samples(11), reader(), (), SMALL)


def test_an_image_shorter_than_its_record_stops_the_shard(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="has 4 bytes, its record says"):
        write_shard(tmp_path, 0, samples(2), reader({sample(1).url: b"half"}), (), SMALL)

    assert names(tmp_path) == []


def test_an_unknown_format_of_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a 'exe'"):
        write_shard(tmp_path, 0, [sample(0, format="exe")], reader(), (), SMALL)


def test_an_older_shard_stays_whole_when_a_new_one_fails(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, samples(3), reader(), (), SMALL)
    before = contents(tmp_path)
    with pytest.raises(BuildError):
        write_shard(tmp_path, 0, samples(2), reader({sample(1).url: b"half"}), (), SMALL)

    assert contents(tmp_path) == before


def test_the_mark_of_being_done_goes_before_the_files_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard(tmp_path, 0, samples(3), reader(), (), SMALL)
    monkeypatch.setattr(writer.Stats, "as_json", lambda stats: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_shard(tmp_path, 0, samples(2), reader(), (), SMALL)

    assert names(tmp_path) == ["00000.parquet", "00000.tar"]


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may grow over 64 KiB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
def test_a_disk_that_will_not_hold_the_tar_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    large = sample(0, length=64 << 10)
    with pytest.raises(
        BuildError, match=r"cannot write .*/00000\.tar: the file grew over the limit"
    ) as caught:
        write_shard(tmp_path, 0, [large], reader({large.url: bytes(64 << 10)}), (), SMALL)

    assert "--resume" in str(caught.value.hint)
    assert names(tmp_path) == []


@pytest.mark.usefixtures("small_files")
def test_a_disk_that_will_not_hold_the_sidecar_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    many = [failure(number, "robots", os.urandom(99).hex()) for number in range(1_000)]
    with pytest.raises(BuildError, match=r"cannot write .*/00000\.parquet: the file grew over the limit"):
        write_shard(tmp_path, 0, samples(1), reader(), many, SMALL)

    assert names(tmp_path) == []


# --- captions made to hurt


@pytest.mark.parametrize(
    "caption",
    [
        "x" * 1_000_000,
        "é" * 1_000_000,
        "\0",
        "a\0b",
        "\ud800 alone",
        "🦊" * 9,
        '"}\n{"',
        "../../etc/passwd",
        "\u2028",
    ],
    ids=["1 MB", "2 MB", "NUL", "NUL inside", "half pair", "emoji", "JSON", "path", "line separator"],
)
def test_a_hostile_caption_is_the_same_in_text_json_and_sidecar(tmp_path: Path, caption: str) -> None:
    write_shard(tmp_path, 0, [sample(0, caption=caption)], reader(), (), SMALL)
    with tarfile.open(tmp_path / "00000.tar") as tar:
        text = tar.extractfile("000000.txt").read().decode()  # type: ignore[union-attr]
        meta = json.loads(tar.extractfile("000000.json").read())  # type: ignore[union-attr]
    row = pq.read_table(tmp_path / "00000.parquet").to_pylist()[0]

    assert text == meta["caption"] == row["caption"] == caption.replace("\ud800", "?")
