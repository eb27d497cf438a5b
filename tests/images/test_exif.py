import struct

import pytest

from tests.images.pictures import exif
from wit_builder.images.exif import orientation


def block(value: int, order: str = "<", kind: int = 3, tag: int = 0x0112) -> bytes:
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(f"{order}HLHHHLHH", 42, 8, 1, tag, kind, 1, value, 0)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", range(1, 9))
def test_both_byte_orders_tell_the_turn(value: int, order: str) -> None:
    assert orientation(block(value, order)) == value


def test_the_name_before_the_block_is_skipped() -> None:
    assert orientation(exif(6)) == orientation(b"Exif\0\0" + block(6)) == 6


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"II",
        b"Exif\0\0",
        b"XX*\0" + block(6)[4:],
        block(0),
        block(9),
        block(6, kind=4),
        block(6, tag=0x0113),
        block(6)[:12],
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
    ],
)
def test_nonsense_means_upright(broken: bytes) -> None:
    assert orientation(broken) == 1


def test_the_entries_looked_at_are_bounded() -> None:
    late = struct.pack("<2sHLH", b"II", 42, 8, 65_535) + bytes(12 * 1024) + block(6)[10:]
    assert orientation(late) == 1
