import pytest

from tests.images.pictures import encoded, photograph, reason
from wit_builder.errors import ImageError
from wit_builder.images.sniff import identify

KINDS = {
    "jpg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "bmp": "BMP",
    "tiff": "TIFF",
    "avif": "AVIF",
}


@pytest.mark.parametrize(("kind", "pillow"), KINDS.items())
def test_a_format_is_known_by_its_bytes(kind: str, pillow: str) -> None:
    assert identify(encoded(photograph(), pillow)) == kind


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html><p>",
        b"\xef\xbb\xbf \n<html>",
        b'{"error": 404}',
        b"BMW is a car",
        b"\0\0\0\x18ftypisom",
        b"PK\3\4",
        b"\xff\xd8",
        b"<?xml version='1.0'?><rss/>",
        b"GIF90a",
        b"RIFF\0\0\0\0WAVE",
    ],
)
def test_what_is_no_image_is_called_so(body: bytes) -> None:
    assert reason(identify, body) == "not_image"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"<svg xmlns='x'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<SVG>", "SVG"),
        (b"<!-- drawn by hand > --><?xml version='1.0'?><!-- <html> -->\n<svg\n width='4'>", "SVG"),
        (b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd" [\n<!ENTITY a "b">\n]>\n<svg>', "SVG"),
        (b"<svg:svg xmlns:svg='x'>", "SVG"),
        (b"\0\0\1\0\1\0", "ICO"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIF"),
        (b"8BPS\0\1", "PSD"),
        (b"\xff\x0a\0", "JPEG XL"),
        (b"II+\0\x08\0\0\0", "BigTIFF"),
        (b"P6\n1 1\n255\n", "Netpbm"),
    ],
)
def test_an_image_that_is_not_decoded_is_named(body: bytes, name: str) -> None:
    with pytest.raises(ImageError, match=name) as caught:
        identify(body)
    assert caught.value.reason == "unsupported_format"


@pytest.mark.parametrize(
    "body",
    [
        b"plain words about <svg> elements",
        b"<!DOCTYPE html><html><head></head><body><svg></svg>",
        b"<html><body><svg viewBox='0 0 1 1'>",
        b"<?xml version='1.0'?><html xmlns='x'><svg/>",
        b"<!-- <svg> --><p>",
        b"<svgs/>",
    ],
)
def test_a_page_that_shows_a_drawing_is_a_page(body: bytes) -> None:
    assert reason(identify, body) == "not_image"


def test_what_stands_before_a_drawing_takes_no_time() -> None:
    for part in (b"<?", b"<!--", b"<!-- -->", b"<!doctype svg", b"<!doctype svg [", b" \n", b"<?>"):
        assert reason(identify, b"<" + part * 1000) == "not_image"
        assert reason(identify, part * 1000) == "not_image"


def test_a_heif_container_with_av1_in_it_is_avif() -> None:
    assert identify(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif") == "avif"
