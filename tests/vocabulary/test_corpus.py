"""Lines of plain texts and WET archives, packed, damaged, in other encodings."""

import gzip
from collections import Counter

import pyarrow as pa
import pytest

from tests.shared_data import shared_data
from wit_builder import remote
from wit_builder.vocabulary import corpus


def read(path):
    """All lines, and what was left out."""
    (source,) = remote.expand([str(path)], ())
    skipped = Counter()
    blocks = list(corpus.lines(source, skipped))
    assert sum(taken for _, taken in blocks) == path.stat().st_size
    return [line for lines, _ in blocks for line in lines], +skipped


def wet(*texts):
    """A WET archive, a record a text."""
    head = "WARC/1.0\r\nWARC-Type: {}\r\nWARC-Record-ID: <urn:uuid:{:036d}>\r\nContent-Length: {}\r\n\r\n"
    records = [("warcinfo", b"x: the info"), *(("conversion", text) for text in texts)]
    return [
        head.format(kind, n, len(body)).encode() + body + b"\r\n\r\n"
        for n, (kind, body) in enumerate(records)
    ]


PACKERS = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}


@pytest.mark.parametrize("ending", PACKERS)
def test_a_plain_text_is_read_packed_or_not(tmp_path, ending):
    path = tmp_path / f"text.txt{ending}"
    path.write_bytes(PACKERS[ending]("one\r\ntwo é\n\nlast".encode()))
    assert read(path) == (["one", "two é", "", "last"], {})


def test_lines_do_not_depend_on_where_a_file_is_cut(tmp_path, monkeypatch):
    path = tmp_path / "text.txt"
    path.write_text("".join(f"line {n} é\n" for n in range(200)))
    whole = read(path)
    monkeypatch.setattr("wit_builder.lists.files.CHUNK", 7)
    assert read(path) == whole


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_the_texts_of_a_wet_archive_are_read(tmp_path, ending):
    path = tmp_path / f"some.wet{ending}"
    path.write_bytes(b"".join(map(PACKERS[ending], wet(b"one\ntwo", "drei é".encode()))))
    assert read(path) == (["one", "two", "drei é"], {})


def test_a_damaged_record_costs_itself(tmp_path):
    path = tmp_path / "some.wet.gz"
    members = [gzip.compress(record) for record in wet(b"one", b"two " * 50, b"three")]
    members[2] = members[2][:-20] + b"\0" * 20
    path.write_bytes(b"".join(members))
    lines, skipped = read(path)
    assert (lines[0], lines[-1], set(skipped)) == ("one", "three", {"damaged"})


def test_lines_that_are_not_utf8_are_counted_and_the_others_read(tmp_path):
    path = tmp_path / "mixed.txt"
    path.write_bytes("é\n".encode() + b"caf\xe9\n" + "東\n".encode("shift_jis") + b"end")
    assert read(path) == (["é", "end"], {"not_utf8": 2})


def test_a_packed_text_that_is_cut_gives_what_there_is(tmp_path):
    path = tmp_path / "cut.txt.gz"
    path.write_bytes(gzip.compress(b"".join(b"line %d\n" % n for n in range(20_000)))[:-2000])
    lines, skipped = read(path)
    assert lines[:2] == ["line 0", "line 1"]
    assert skipped == {"damaged": 1}


def test_a_line_without_end_is_cut_at_a_space(tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("word " * 1_000_000)
    lines, _ = read(path)
    assert len(lines) > 1
    assert {word for line in lines for word in line.split(" ")} == {"word", ""}


def test_a_real_wet_archive_is_read():
    path = next(shared_data("warc").glob("commoncrawl-whirlwind/*.wet.gz"))
    lines, skipped = read(path)
    assert len(lines) > 10
    assert skipped == {}
