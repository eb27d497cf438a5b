"""Samples of a tar are found by its headers, whoever wrote it and whatever else is in it."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.train import tars
from wit_builder.shards import index
from wit_builder.shards.tar import BLOCK


def found(data, excluded=frozenset(), **more):
    """Keys of the samples, and what was passed over."""
    made = index.index(data, excluded, **more)
    bounds = made.bounds.tolist()
    parts = [index.parts_of(data[begin:end]) for begin, end in zip(bounds[::2], bounds[1::2], strict=True)]
    return [next(iter(one.values())).key for one in parts], {k: v for k, v in made.counts.items() if v}


def plain(members, format=tarfile.USTAR_FORMAT):
    """A tar of these (name, data)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


def with_checksum(header):
    total = sum(header[:148]) + 8 * 32 + sum(header[156:])
    return header[:148] + b"%06o\0 " % total + header[156:]


SAMPLES = {f"{n:09d}": tars.members(n) for n in range(4)}


@pytest.mark.parametrize("write", [tars.shard, tars.by_webdataset])
def test_our_shards_and_img2datasets_are_read_alike(tmp_path, write):
    data = write(tmp_path / "00000.tar", SAMPLES).read_bytes()
    made = index.index(data)
    assert found(data) == (list(SAMPLES), {})
    for number, parts in enumerate(SAMPLES.values()):
        begin, end = made.bounds[2 * number : 2 * number + 2]
        sample = data[begin:end]
        read = index.parts_of(sample)
        assert {name: sample[p.offset : p.offset + p.length] for name, p in read.items()} == parts


def test_a_key_ends_at_the_first_dot_of_the_last_part_of_a_name():
    data = plain(
        [("a.b/c.d.jpg", b"x"), ("a.b/c.JPG", b"x"), ("a.b/c.txt", b"y"), ("e.png", b"x"), ("e.json", b"{}")]
    )
    assert found(data) == (["a.b/c", "e"], {"other": 1})


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read_from_the_header_before(format):
    key = "folder/" * 30 + "picture"
    assert found(
        plain([(f"{key}.jpg", b"x"), (f"{key}.txt", b"y"), ("z.jpg", b"x"), ("z.txt", b"y")], format)
    ) == (
        [key, "z"],
        {},
    )


def test_a_sample_without_image_or_text_is_counted_and_passed_over():
    data = plain([("a.txt", b"y"), ("b.jpg", b"x"), ("c.jpg", b"x"), ("c.txt", b"y"), ("d.cls", b"1")])
    assert found(data) == (["c"], {"no_image": 1, "no_text": 1, "other": 1})


def test_where_captions_are_not_asked_for_an_image_is_a_sample():
    data = plain([("a.txt", b"y"), ("b.jpg", b"x"), ("c.jpg", b"x"), ("c.txt", b"y"), ("d.cls", b"1")])
    assert found(data, captioned=False) == (["b", "c"], {"no_image": 1, "other": 1})


@pytest.mark.parametrize("stranger", ["._a.jpg", "folder/._a.txt", "README", ".jpg"])
def test_a_name_without_a_key_parts_no_sample(stranger):
    data = plain([("a.jpg", b"x"), (stranger, b"z"), ("a.txt", b"y"), (stranger, b"z"), ("b.png", b"x")])
    assert found(data, captioned=False) == (["a", "b"], {"other": 2})
    assert found(data) == (["a"], {"other": 2, "no_text": 1})


def test_a_sample_behind_one_of_its_key_is_counted_once():
    data = plain([(f"{key}.{end}", b"x") for key in "aabbb" for end in ("jpg", "txt")])
    assert found(data) == (["a", "b"], {"duplicate_key": 3, "other": 3})


def test_of_two_members_of_one_kind_the_first_counts():
    data = plain([("a.jpg", b"first"), ("a.txt", b"y"), ("a.jpg", b"second")])
    (begin, end), sample = index.index(data).bounds, data
    part = index.parts_of(sample[begin:end])["jpg"]
    assert sample[begin:end][part.offset : part.offset + part.length] == b"first"


def test_a_tar_cut_anywhere_gives_what_is_whole(tmp_path):
    data = tars.shard(tmp_path / "00000.tar", SAMPLES).read_bytes()
    bounds = index.index(data).bounds
    for cut in [*range(0, bounds[-1], 700), *(edge + by for edge in bounds[1::2] for by in (-1, 0, 1))]:
        keys, counts = found(data[:cut])
        whole = sum(end <= cut for end in bounds[1::2])
        assert list(SAMPLES)[:whole] == keys[:whole]
        assert len(keys) - whole in (0, 1)  # one that has its image and its JSON, and lacks its text
        assert counts["cut"] == 1


def test_a_damaged_header_ends_the_reading_there(tmp_path):
    data = bytearray(tars.shard(tmp_path / "00000.tar", SAMPLES).read_bytes())
    begin = index.index(bytes(data)).bounds[4]
    data[begin + 5] ^= 1
    assert found(bytes(data)) == (list(SAMPLES)[:2], {"damaged": 1})


@pytest.mark.parametrize(
    "size", [b"77777777777\0", b"\x80" + bytes(10) + b"\x01", b"-0000000001\0", b"0000_000010\0"]
)
def test_an_absurd_size_is_not_believed(size):
    data = bytearray(plain([("a.jpg", b"x"), ("a.txt", b"y"), ("b.jpg", b"x"), ("b.txt", b"y")]))
    at = 4 * BLOCK
    data[at : at + BLOCK] = with_checksum(
        bytes(data[at : at + 124]) + size + bytes(data[at + 136 : at + BLOCK])
    )
    keys, counts = found(bytes(data))
    assert keys == ["a"]
    assert counts in ({"cut": 1}, {"damaged": 1})


def test_a_pax_size_beyond_the_file_is_a_cut():
    data = plain([("a.jpg", b"x"), ("a.txt", b"y")])
    record = b"30 size=99999999999999999999\n"
    said = b"%d %s" % (len(record), record[3:])
    header = bytearray(data[:BLOCK])
    header[156:157], header[124:136] = b"x", b"%011o\0" % len(said)
    assert found(data[: 4 * BLOCK] + with_checksum(bytes(header)) + said.ljust(BLOCK, b"\0") + data) == (
        ["a"],
        {"cut": 1},
    )


def test_parts_over_their_bounds_are_left_out(monkeypatch):
    monkeypatch.setattr(index, "MAX_IMAGE_BYTES", 3)
    data = plain([("a.jpg", b"1234"), ("a.txt", b"y"), ("b.jpg", b"123"), ("b.txt", b"y")])
    assert found(data) == (["b"], {"too_big": 1, "no_image": 1})


@pytest.mark.parametrize(("most", "due"), [(2561, ["a", "b"]), (2560, ["b"])])
def test_a_sample_with_much_between_its_parts_is_left_out(monkeypatch, most, due):
    """Three headers, the image and what lies between in a block each, and a text of one byte."""
    monkeypatch.setattr(index, "MAX_SAMPLE_BYTES", most)
    data = plain(
        [("a.jpg", b"x"), ("README", b"z"), ("a.txt", b"y"), ("b.jpg", b"x"), ("b.txt", b"y")],
    )
    keys, counts = found(data)
    assert (keys, counts.get("too_big", 0)) == (due, 2 - len(due))


def test_links_folders_and_thousands_of_strangers_are_passed_over():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for number in range(3000):
            info = tarfile.TarInfo(f"stranger-{number}.npy")
            info.type = [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE][number % 3]
            tar.addfile(info)
    assert found(plain([("a.jpg", b"x"), ("a.txt", b"y")])[: 4 * BLOCK] + file.getvalue()) == (
        ["a"],
        {"other": 3000},
    )


def test_an_empty_tar_and_one_of_zeros_hold_nothing():
    assert found(b"") == ([], {"cut": 1})
    assert found(bytes(10_240)) == ([], {})


def test_samples_named_are_left_out(tmp_path):
    data = tars.shard(tmp_path / "00000.tar", SAMPLES).read_bytes()
    keys = list(SAMPLES)
    assert found(data, frozenset(keys[1:3])) == ([keys[0], keys[3]], {"excluded": 2})


def test_they_are_though_they_have_no_text():
    assert found(plain([("a.jpg", b"x"), ("b.jpg", b"x")]), frozenset("a")) == (
        [],
        {"excluded": 1, "no_text": 1},
    )


@given(st.lists(st.tuples(st.integers(0, 8000), st.integers(0, 255)), max_size=20), st.integers(0, 12_000))
def test_whatever_is_damaged_the_reading_ends(changes, length):
    data = bytearray(plain([(f"{n}.{e}", b"x" * 300) for n in range(4) for e in ("jpg", "txt")]))
    for at, value in changes:
        data[at % len(data)] = value
    made = index.index(bytes(data[:length]))
    assert all(begin < end <= length for begin, end in zip(made.bounds[::2], made.bounds[1::2], strict=True))
