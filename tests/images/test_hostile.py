import functools
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.images.pictures import chunk, encoded, exif, photograph, png, reason, tiff
from tests.shared_data import shared_data
from wit_builder.images.process import ImageSpec, process

REASONS = {"ok", "not_image", "unsupported_format", "too_many_pixels", "decode_error"}
KINDS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]
SEEDS = [encoded(photograph(24, 16), kind, exif=exif(6)) for kind in KINDS]
SEEDS += [
    encoded(photograph(24, 16), progressive=True),
    encoded(photograph(24, 16), "TIFF", compression="tiff_lzw"),
]
# Pillow reads these two although a checksum is wrong or the end is missing; for us that is an error.
STRICTER = {"nasty/malformed/broken_data_stream.png", "nasty/malformed/truncated_end_chunk.png"}
MORE_LENIENT = {"nasty/malformed/unknown_compression_method.png"}  # of an ICC profile, which we do without


@functools.cache
def gauntlet() -> dict[str, Any]:
    """What came of all the awkward images, by a process of its own."""
    command = [sys.executable, "-W", "error", "-m", "tests.images.gauntlet", str(shared_data("nasty"))]
    run = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, check=False, timeout=300
    )
    assert run.returncode == 0, run.stderr.decode()[-2000:]
    return json.loads(run.stdout)  # type: ignore[no-any-return]


def test_every_awkward_image_is_a_picture_or_a_reason() -> None:
    outcomes = gauntlet()["outcomes"]
    assert len(outcomes) == 272 + 356
    assert {reason for reason, _, _ in outcomes.values()} == REASONS


def test_none_of_them_takes_long_or_much_memory() -> None:
    assert gauntlet()["slowest"][0] < 5
    assert gauntlet()["grown"] < 1000


def test_sizes_are_those_of_the_facts() -> None:
    outcomes = gauntlet()["outcomes"]
    for fact in json.loads(shared_data("nasty/facts.json").read_text()):
        outcome, *size = outcomes[fact["file"]]
        if outcome == "ok" and "width" in fact:
            turned = (fact.get("exif_orientation") or 1) >= 5 and fact[
                "format"
            ] != "TIFF"  # turned there already
            assert size == [fact["width"], fact["height"]][:: -1 if turned else 1], fact["file"]


def test_what_pillow_reads_is_read_and_what_it_refuses_is_refused() -> None:
    outcomes = gauntlet()["outcomes"]
    for fact in json.loads(shared_data("nasty/facts.json").read_text()):
        wanted = fact.get("format") not in ("ICO", "PSD", "HEIF") and fact["file"] not in STRICTER
        expected = (wanted and fact.get("pil_decode") == "ok") or fact["file"] in MORE_LENIENT
        assert (outcomes[fact["file"]][0] == "ok") == expected, fact["file"]


@given(st.sampled_from(SEEDS), st.data())
def test_damaged_files_are_pictures_or_image_errors(body: bytes, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.tuples(st.integers(0, len(body) - 1), st.integers(0, 255)), max_size=8))
    damaged = bytearray(body)
    for place, value in places:
        damaged[place] = value
    end = data.draw(st.integers(0, len(body)) | st.just(len(body)))
    assert reason(process, bytes(damaged[:end]), ImageSpec(max_pixels=1_000_000)) in REASONS | {"none"}


@given(st.sampled_from([seed[:32] for seed in SEEDS]), st.binary(max_size=200))
def test_a_header_with_anything_behind_it_is_a_picture_or_an_image_error(head: bytes, rest: bytes) -> None:
    assert reason(process, head + rest, ImageSpec(max_pixels=1_000_000)) in REASONS | {"none"}


def test_a_swollen_stream_of_pixels_is_left_unread() -> None:
    deflater = zlib.compressobj(1)
    bomb = b"".join(deflater.compress(bytes(1 << 20)) for _ in range(100)) + deflater.flush()
    body = png(4, 1, 8, 2, b"").replace(chunk(b"IDAT", zlib.compress(b"")), chunk(b"IDAT", bomb))
    assert process(body, ImageSpec()).width == 4


def test_a_gif_of_four_gigapixels_in_28_bytes_is_refused() -> None:
    body = (
        b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b"," + bytes(4) + b"\5\0\5\0\0\2\1\0\0;"
    )
    assert reason(process, body, ImageSpec()) == "too_many_pixels"


@pytest.mark.parametrize("side", [40_000, 4_000_000_000])
def test_a_tiff_tile_beyond_its_picture_is_refused(side: int) -> None:
    size = [(256, 4, 1, 10), (257, 4, 1, 10), (258, 3, 1, 8), (259, 3, 1, 5), (262, 3, 1, 1), (277, 3, 1, 1)]
    tiles = [(322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 8), (325, 4, 1, 50)]
    assert reason(process, tiff(*size, *tiles, data=bytes(100)), ImageSpec()) == "decode_error"


def test_a_tiff_whose_entries_all_claim_the_file_is_refused_quickly() -> None:
    body = tiff(*[(65_000, 7, 1 << 20, 8)] * 20_000, data=bytes(1 << 20))
    assert reason(process, body, ImageSpec()) == "decode_error"
