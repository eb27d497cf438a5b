"""Records past whatever is broken: what lies, what is cut, what is flipped."""

import gzip
import io
import random

import pytest

from tests.archive.archives import HTML, PACKED, http, numbers, page, record, told, warc
from wit_builder.archive.framing import MAX_BREAKS, Break, records
from wit_builder.archive.rows import NoPage

packed = pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)


def breaks(data: bytes) -> list[tuple[int, str]]:
    return [(at.offset, at.why) for at in records(io.BytesIO(data)) if isinstance(at, Break)]


def lying(n: int, by: int) -> bytes:
    """A page whose record says its block is so many bytes longer than it is."""
    block = http(f'<img src="{n}.jpg" alt="Picture number {n}">'.encode())
    return page(n, length=len(block) + by)


@packed
def test_whole_records_are_all_read(pack):
    assert numbers(b"".join(pack(page(n)) for n in range(5))) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_both_versions_are_read(version):
    assert numbers(page(1, version=version)) == [1]


@packed
@pytest.mark.parametrize("by", [-40, -3, 6, 40, 300, 10_000, 10**12])
def test_a_length_that_lies_costs_its_record_alone(pack, by):
    data = b"".join(map(pack, (page(0), lying(1, by), page(2), page(3))))
    assert numbers(data) == [0, "bad_record", 2, 3]


@pytest.mark.parametrize("length", [2 * 10**13, 10**18, 10**20])
def test_a_length_beyond_what_files_can_hold_costs_its_record_alone(tmp_path, length):
    """Files on a disk refuse to go there, other than those in memory."""
    (tmp_path / "a.warc").write_bytes(page(0) + page(1, length=length) + page(2))
    with (tmp_path / "a.warc").open("rb") as file:
        assert numbers(file) == [0, "bad_record", 2]


@packed
@pytest.mark.parametrize("length", ["", "many", "-5"])
def test_a_length_that_is_none_costs_its_record_alone(pack, length):
    data = b"".join(map(pack, (page(0), page(1, length=length), page(2))))
    assert numbers(data) == [0, "bad_record", 2]


@packed
@pytest.mark.parametrize("junk", [b"WARC/2.7", b"\0\0\0\0\0\0\0\0", b"<html>\r\n"])
def test_what_is_no_record_costs_itself_alone(pack, junk):
    data = b"".join(map(pack, (page(0), page(1).replace(b"WARC/1.0", junk), page(2))))
    assert [text for text in numbers(data) if text != 0] == ["bad_record", 2]


def test_a_header_without_end_costs_its_record_alone():
    assert numbers(page(0) + page(1, X="x" * 100_000) + page(2)) == [0, "bad_record", 2]


@packed
@pytest.mark.parametrize("lost", [slice(0, 1), slice(0, 2), slice(0, 60)], ids=["byte", "bytes", "head"])
@pytest.mark.parametrize("junk", [b"", b"\xff\xfe"], ids=["cut", "damaged"])
def test_a_file_whose_begin_is_lost_is_read_from_the_next_record(pack, lost, junk):
    data = bytearray(b"".join(pack(page(n)) for n in range(3)))
    data[lost] = junk
    assert numbers(bytes(data)) == ["bad_record", 1, 2]


def test_wherever_a_gzip_file_is_cut_it_is_told():
    first, second, third = (gzip.compress(page(n)) for n in range(3))
    whole = first + second
    assert breaks(whole) == []
    for cut in range(len(first) + 1, len(whole)):
        assert breaks(whole[:cut])[0][0] in (0, len(first)), cut
    for cut in range(len(whole) - 10, len(whole)):  # of its end alone: the record is whole
        assert numbers(whole[:cut]) == [0, 1, "bad_record"]
    assert breaks(whole + third[:3]) != []


@packed
def test_a_cut_file_loses_only_what_follows_and_says_where(pack):
    pieces = [pack(page(n)) for n in range(3)]
    data, begins = b"".join(pieces), len(pieces[0]) + len(pieces[1])
    for cut in range(begins + 40, len(data) - 20, 7):
        found = warc(data[:cut])
        assert told(found)[:2] == ["Picture number 0", "Picture number 1"]
        assert isinstance(found[-1], NoPage) or cut > begins + len(pieces[2]) - 30
        if isinstance(found[-1], NoPage):
            assert found[-1].source == f"a.warc@{begins}"


@packed
def test_wherever_a_file_is_cut_whole_records_before_are_kept(pack):
    pieces = [pack(page(n)) for n in range(3)]
    data, ends = b"".join(pieces), [len(pieces[0]), len(pieces[0]) + len(pieces[1])]
    for cut in range(len(data)):
        kept = [n for n in numbers(data[:cut]) if isinstance(n, int)]
        whole = sum(cut >= end + 20 for end in ends)  # stray bytes may cost the one record before them
        assert kept[:whole] == list(range(whole))


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_a_flipped_byte_costs_one_record(pack):
    pieces = [pack(page(n)) for n in range(4)]
    data, begin, end = b"".join(pieces), len(pieces[0]), len(pieces[0]) + len(pieces[1])
    for at in range(begin, end, 5):
        flipped = bytearray(data)
        flipped[at] ^= 0xFF
        kept = [n for n in numbers(bytes(flipped)) if isinstance(n, int) and n != 1]
        assert kept == [0, 2, 3], at


def test_a_flipped_byte_in_zstd_costs_two_records_at_most():
    """Where it hits the sign that a frame begins, the one before it cannot be told from one that lies."""
    pieces = [PACKED["zstd"](page(n)) for n in range(4)]
    for at in range(len(pieces[0]), len(pieces[0]) + len(pieces[1])):
        flipped = bytearray(b"".join(pieces))
        flipped[at] ^= 0xFF
        assert [n for n in numbers(bytes(flipped)) if n in (2, 3)] == [2, 3], at


def test_noise_never_raises():
    chance = random.Random(7)
    data = bytearray(b"".join(gzip.compress(page(n)) for n in range(20)))
    for _ in range(300):
        noisy = bytearray(data)
        for _ in range(chance.randrange(1, 40)):
            noisy[chance.randrange(len(noisy))] = chance.randrange(256)
        assert len(numbers(bytes(noisy))) <= 41


def test_a_damaged_place_is_told_with_its_offset():
    first, second = gzip.compress(page(0)), bytearray(gzip.compress(page(1)))
    second[30] ^= 0xFF
    assert breaks(first + bytes(second) + first) == [(len(first), "Gzip decompression error: data error")]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"<html><p>Not found", "it begins with b'<html><p>Not found'"),
        (gzip.compress(b"url\tcaption\n"), "it begins with b'url\\tcaption\\n'"),
        (gzip.compress(b"filedesc://a.arc 0.0.0.0 2"), "it is an ARC file, and only WARC is read"),
        (bytes(100), f"it begins with {bytes(24)!r}"),
        (b"\x28\xb5\x2f\xfd\x00", "it begins with b'(\\xb5/\\xfd\\x00'"),
    ],
    ids=["nothing", "page", "table", "arc", "zeros", "frame"],
)
def test_a_file_that_is_no_warc_says_what_it_is(data, why):
    assert [(type(found), found.reason, found.evidence) for found in warc(data)] == [
        (NoPage, "not_warc", why)
    ]


def test_a_file_that_is_named_gz_and_is_not_compressed_is_read():
    assert numbers(page(3)) == [3]


def test_records_in_one_gzip_member_are_read():
    assert numbers(gzip.compress(b"".join(map(page, range(50))))) == list(range(50))


@pytest.mark.parametrize("pack", [PACKED["gzip"], PACKED["zstd"]], ids=["gzip", "zstd"])
def test_what_follows_in_the_member_of_a_wrong_record_is_told_to_be_lost(pack):
    shared = pack(page(0) + lying(1, -9) + page(2))
    assert numbers(shared + pack(page(3))) == [0, "bad_record", 3]
    assert breaks(shared)[0][1] == "Invalid WARC header; what follows in its member or frame is lost too"
    assert breaks(pack(page(0)) + pack(lying(1, -9)) + pack(page(2)))[0][1] == "Invalid WARC header"
    assert breaks(page(0) + lying(1, -9) + page(2))[0][1] == "Invalid WARC header"


@packed
def test_forms_of_a_header_that_are_not_read_are_named(pack):
    lower, bare = page(1).replace(b"Content-Length", b"content-length"), page(1).replace(b"\r\n", b"\n")
    assert [why for _, why in breaks(pack(page(0)) + pack(lower) + pack(page(2)))] == [
        "its length stands under content-length, not Content-Length"
    ]
    assert breaks(pack(lower.replace(b"content-length: 84", b"content-length: 0")[:-88] + b"\r\n\r\n")) == []
    assert {why for _, why in breaks(pack(bare) + pack(bare))} == {
        "its lines end with LF alone, not with CRLF"
    }


def test_a_file_of_nothing_but_damage_ends():
    found = list(records(io.BytesIO(b"".join(gzip.compress(lying(n, 9)) for n in range(MAX_BREAKS + 50)))))
    places = [at for at in found if isinstance(at, Break)]
    assert len(places) == MAX_BREAKS + 2
    assert places[-1].why == f"{MAX_BREAKS} places before it are damaged"


def test_signs_without_end_are_not_followed_without_end():
    trap = gzip.compress(page(0)) + b"\x1f\x8b\x08\x00" * 200_000
    assert numbers(trap)[-1] == "bad_record"


class Failing(io.BytesIO):
    """A file on a network that goes away."""

    def read(self, size=-1):
        if self.tell() > 100_000:
            raise ConnectionError("the bucket vanished")
        return super().read(size)


def test_a_network_that_fails_is_no_damage():
    data = b"".join(record(http(HTML + random.Random(n).randbytes(30_000))) for n in range(9))
    with pytest.raises(ConnectionError, match="the bucket vanished"):
        list(records(Failing(data)))
