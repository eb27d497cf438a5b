import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import webdataset
from hypothesis import given
from hypothesis import strategies as st

from tests.shards.pairs import jpeg, reader, sample, samples
from wit_builder.errors import ShardError
from wit_builder.shards import reader as room
from wit_builder.shards.reader import image_places, read_shard
from wit_builder.shards.tar import BLOCK, TarWriter
from wit_builder.shards.writer import ShardSpec, write_shard

SMALL = ShardSpec(samples_per_shard=10)


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """A shard of three samples."""
    write_shard(tmp_path, 0, samples(3), reader(), (), SMALL)
    return tmp_path / "00000.tar"


def tar_of(path: Path, *members: tuple[str, bytes]) -> Path:
    with TarWriter(path) as tar:
        for name, data in members:
            tar.add(name, data)
    return path


def odd_tar(path: Path, name: str = "000.jpg", data: bytes = b"", **changes: Any) -> Path:
    """A tar whose one member has these fields of the standard library's TarInfo."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in changes.items():
        setattr(info, field, value)
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return path


def pax_tar(path: Path, headers: dict[str, str]) -> Path:
    """A tar of one pair with these pax headers before its image."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data, extra in (("0.jpg", b"image", headers), ("0.json", b"{}", {})):
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = len(data), extra
            tar.addfile(info, io.BytesIO(data))
    return path


def patch(path: Path, offset: int, data: bytes) -> Path:
    """Overwrite bytes of the first header and make its checksum right again."""
    whole = bytearray(path.read_bytes())
    whole[offset : offset + len(data)] = data
    whole[148:156] = b" " * 8
    whole[148:156] = b"%06o\0 " % sum(whole[:BLOCK])
    path.write_bytes(whole)
    return path


def refused(path: Path, says: str) -> None:
    with pytest.raises(ShardError, match=says) as caught:
        list(read_shard(path))
    assert str(caught.value).startswith(f"shard {path}")


# --- good shards


def test_every_pair_comes_back_in_order(shard: Path) -> None:
    pairs = list(read_shard(shard))

    assert [key for key, *_ in pairs] == ["000000", "000001", "000002"]
    assert [(image, caption) for _, image, caption, _ in pairs] == [
        (jpeg(n), sample(n).caption) for n in range(3)
    ]
    assert [meta["url"] for *_, meta in pairs] == [sample(n).url for n in range(3)]


def test_an_empty_shard_has_no_pairs(tmp_path: Path) -> None:
    assert list(read_shard(tar_of(tmp_path / "a.tar"))) == []


def test_a_shard_written_by_webdataset_is_read(tmp_path: Path) -> None:
    with webdataset.TarWriter(str(tmp_path / "a.tar")) as tar:  # as img2dataset does
        for key in ("000000000", "000000003"):
            tar.write(
                {
                    "__key__": key,
                    "webp": b"image",
                    "txt": "a kite",
                    "json": json.dumps({"url": "u"}, indent=4),
                }
            )

    assert list(read_shard(tmp_path / "a.tar")) == [
        ("000000000", b"image", "a kite", {"url": "u"}),
        ("000000003", b"image", "a kite", {"url": "u"}),
    ]


def test_a_shard_without_texts_is_read_with_empty_captions(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar", ("0.jpg", b"image"), ("0.json", b"{}"))

    assert list(read_shard(path)) == [("0", b"image", "", {})]


def test_half_pairs_of_surrogates_in_img2dataset_s_json_are_read(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar", ("0.jpg", b""), ("0.json", b'{"caption": "\\ud800"}'))

    assert next(read_shard(path))[3] == {"caption": "\ud800"}


@pytest.mark.parametrize(
    "headers", [{}, {"uname": "bigdata", "comment": "3 = drei"}, {"comment": "path=\n9 path=x\n"}]
)
def test_pax_headers_of_times_and_owners_are_passed_over(tmp_path: Path, headers: dict[str, str]) -> None:
    assert [pair[0] for pair in read_shard(pax_tar(tmp_path / "a.tar", headers | {"mtime": "1.5"}))] == ["0"]


# --- cut and damaged


def test_a_shard_cut_anywhere_is_refused_after_its_whole_pairs(shard: Path) -> None:
    whole = shard.read_bytes()
    used = len(whole.rstrip(b"\0")) + 2 * BLOCK  # end mark included
    for end in [*range(0, used, 97), used - 1]:
        shard.write_bytes(whole[:end])
        refused(shard, "cut: ")


def test_pairs_before_the_cut_are_given(shard: Path) -> None:
    whole = shard.read_bytes()
    shard.write_bytes(whole[: whole.index(b"000002.json") + 100])
    pairs = read_shard(shard)

    assert [next(pairs)[0], next(pairs)[0]] == ["000000", "000001"]
    with pytest.raises(ShardError):
        next(pairs)


@given(st.data())
def test_no_damage_makes_anything_but_a_shard_error(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    path = tmp_path_factory.mktemp("shard") / "00000.tar"
    write_shard(path.parent, 0, samples(1), reader(), (), SMALL)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    try:
        assert len(list(read_shard(path))) <= 1
    except ShardError:
        return


@given(st.binary(max_size=4 * BLOCK))
def test_no_file_of_noise_makes_anything_but_a_shard_error(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes
) -> None:
    path = tmp_path_factory.mktemp("noise") / "00000.tar"
    path.write_bytes(noise)
    try:
        assert list(read_shard(path)) == []
    except ShardError:
        return


def test_a_damaged_header_says_where(shard: Path) -> None:
    whole = bytearray(shard.read_bytes())
    whole[3] ^= 1
    shard.write_bytes(whole)

    refused(shard, r"no tar header, or a damaged one \(checksum\), at byte 0$")


# --- made to harm


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE],
)
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    refused(odd_tar(tmp_path / "a.tar", type=kind, linkname="/etc/passwd"), "is no plain file")


@pytest.mark.parametrize("kind", [b"L", b"K", b"S", b"7", b"V"])
def test_extensions_of_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    refused(patch(odd_tar(tmp_path / "a.tar"), 156, kind), "is no plain file")


@pytest.mark.parametrize(
    "field", ["path", "linkpath", "size", "hdrcharset", "GNU.sparse.name", "SCHILY.xattr.user"]
)
def test_a_pax_header_that_changes_the_member_is_refused(tmp_path: Path, field: str) -> None:
    refused(pax_tar(tmp_path / "a.tar", {"mtime": "1.5", field: "9"}), "changes more than times and owners")


@pytest.mark.parametrize(
    "records",
    [
        b"5 x",
        b"0 mtime=1\n",
        b"99999 mtime=1\n",
        b"11 mtime=12",
        b"mtime=1\n",
        b"\0",
        b"11 mtime=1\n0 mtime=1\n",
    ],
)
def test_a_pax_header_that_is_none_is_refused(tmp_path: Path, records: bytes) -> None:
    path = patch(tar_of(tmp_path / "a.tar", ("0.jpg", records)), 156, b"x")
    refused(path, "a pax header changes more than times and owners")


def test_a_pax_header_over_the_bound_is_refused(tmp_path: Path) -> None:
    path = patch(tar_of(tmp_path / "a.tar", ("0.jpg", b"x" * ((64 << 10) + 1))), 156, b"g")
    refused(path, "size of a pax header is 65537; it may be 65536 bytes")


@pytest.mark.parametrize(
    "name",
    ["../../x.jpg", "/etc/x.jpg", "a/b.jpg", "x.exe", "x", ".jpg", "x.jpg.gz", "a b.jpg", "x.JPG", "é.jpg"],
)
def test_a_name_that_is_no_sample_s_is_refused(tmp_path: Path, name: str) -> None:
    refused(odd_tar(tmp_path / "a.tar", name=name), "has no name of a sample's member")


def test_a_name_continued_in_the_prefix_is_refused(tmp_path: Path) -> None:
    refused(
        patch(tar_of(tmp_path / "a.tar", ("0.jpg", b"")), 345, b"../.."), "has no name of a sample's member"
    )


@pytest.mark.parametrize(
    "size",
    [
        b"77777777777\0",
        b"\x80" + b"\xff" * 11,
        b"-0000000001\0",
        b"00000000009\0",
        b"\0" * 12,
        b"0x000000010\0",
    ],
)
def test_an_impossible_size_is_refused(tmp_path: Path, size: bytes) -> None:
    refused(patch(tar_of(tmp_path / "a.tar", ("0.jpg", b"")), 124, size), r"size of 0\.jpg is")


@pytest.mark.parametrize(
    ("name", "limit"),
    [("0.jpg", "MAX_IMAGE_BYTES"), ("0.json", "MAX_TEXT_BYTES"), ("0.txt", "MAX_TEXT_BYTES")],
)
def test_a_member_over_the_bound_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: str
) -> None:
    monkeypatch.setattr(room, limit, 99)
    refused(tar_of(tmp_path / "a.tar", (name, b"x" * 100)), f"size of {name} is 100; it may be 99 bytes")


def test_a_member_at_the_bound_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_IMAGE_BYTES", 100)
    path = tar_of(tmp_path / "a.tar", ("0.jpg", b"x" * 100), ("0.json", b"{}"))

    assert next(read_shard(path))[1] == b"x" * 100


def test_a_size_beyond_the_file_allocates_nothing_and_is_a_cut(tmp_path: Path) -> None:
    path = patch(tar_of(tmp_path / "a.tar", ("0.jpg", b"")), 124, b"%011o\0" % (60 << 20))
    refused(path, r"cut: 0\.jpg should have 62914560 bytes, at byte 0")


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ([("0.jpg", b""), ("0.jpg", b"")], r"0\.jpg comes a second time, at byte 512"),
        ([("0.jpg", b""), ("0.png", b""), ("0.json", b"{}")], "sample 0 has 2 images, not one"),
        ([("0.json", b"{}"), ("0.txt", b"")], "sample 0 has 0 images, not one"),
        ([("0.jpg", b""), ("0.txt", b"")], "sample 0 has no JSON member"),
        ([("0.jpg", b""), ("0.json", b"[]")], "the JSON of sample 0 is no object"),
        ([("0.jpg", b""), ("0.json", b"{")], "sample 0 is unreadable"),
        ([("0.jpg", b""), ("0.json", b"[" * 200_000)], "sample 0 is unreadable"),
        ([("0.jpg", b""), ("0.json", b'{"a": ' + b"9" * 5_000 + b"}")], "sample 0 is unreadable"),
        ([("0.jpg", b""), ("0.json", b"{}"), ("0.txt", b"\xff")], "sample 0 is unreadable"),
        (
            [
                ("0.jpg", b""),
                ("0.json", b"{}"),
                ("1.jpg", b""),
                ("1.json", b"{}"),
                ("0.jpg", b""),
                ("0.json", b"{}"),
            ],
            "key 0 comes a second time",
        ),
    ],
)
def test_groups_that_are_no_pairs_are_refused(
    tmp_path: Path, members: list[tuple[str, bytes]], says: str
) -> None:
    refused(tar_of(tmp_path / "a.tar", *members), says)


def test_more_samples_than_a_tar_may_hold_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard(tmp_path, 0, samples(3), reader(), (), SMALL)
    monkeypatch.setattr(room, "MAX_SAMPLES", 3)
    assert len(list(read_shard(tmp_path / "00000.tar"))) == 3

    monkeypatch.setattr(room, "MAX_SAMPLES", 2)
    refused(tmp_path / "00000.tar", "more than 2 samples")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_regular_file_is_not_read(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "a.tar")
    refused(tmp_path / "a.tar", "is no regular file")


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "a.tar", "cannot be read: No such file or directory")


@pytest.mark.parametrize("headers", [{}, {"mtime": "1700000000.25"}])
def test_images_lie_where_the_standard_library_finds_them(
    shard: Path, tmp_path: Path, headers: dict[str, str]
) -> None:
    for path in (shard, pax_tar(tmp_path / "pax.tar", headers)):
        with tarfile.open(path) as tar:
            members = [(*m.name.split("."), m.offset_data, m.size) for m in tar if m.name.endswith(".jpg")]
        assert list(image_places(path)) == members
        assert members


def test_a_cut_shard_gives_no_places_beyond_the_cut(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[: 3 * BLOCK])
    with pytest.raises(ShardError, match="cut"):
        list(image_places(shard))
