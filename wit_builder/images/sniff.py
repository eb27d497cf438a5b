"""What is it? Told by the first bytes alone; names and content types lie."""

import re

from wit_builder.errors import ImageError
from wit_builder.images.avif import AVIF_BRANDS, brands
from wit_builder.images.bmp import looks_like_bmp
from wit_builder.images.still import Kind

# Image formats that are known and not decoded. Icons are left out on purpose: they are tiny and no pictures.
_UNSUPPORTED = {
    b"\0\0\1\0": "ICO",
    b"\0\0\2\0": "CUR",
    b"icns": "ICNS",
    b"8BPS": "PSD",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"DDS ": "DDS",
    b"\x01\xda": "SGI",
    b"qoif": "QOI",
    b"gimp xcf": "XCF",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"FLIF": "FLIF",
    b"BPG\xfb": "BPG",
    b"AT&TFORM": "DjVu",
    b"II\xbc\1": "JPEG XR",
    b"II+\0": "BigTIFF",
    b"MM\0+": "BigTIFF",
    b"\xd7\xcd\xc6\x9a": "WMF",
    b"\x8aMNG": "MNG",
    b"\x8bJNG": "JNG",
    b"%!PS-Adobe": "EPS",
    **{b"P%d%c" % (n, space): "Netpbm" for n in range(1, 7) for space in b" \n\t\r"},
}
# The first element is an <svg>: before it declarations and comments. A page with a drawing in it is a page.
_SVG = re.compile(
    rb"(?:\s+|<\?[^>]*>|<!--.*?-->|<!doctype\s+svg[^\[>]*(?:\[.*?\]\s*)?>)*+<(?:\w+:)?svg[\s>/:]", re.DOTALL
)
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\n\r\f" + bytes(range(0x80, 0x100))


def identify(body: bytes) -> Kind:
    """The format of a picture that can be decoded.

    Raises ImageError: `unsupported_format` for an image of another format, `not_image` for anything else
    (nothing at all, HTML and other text, archives, films).
    """
    if kind := _supported(body):
        return kind
    for signature, name in _UNSUPPORTED.items():
        if body.startswith(signature):
            raise ImageError("unsupported_format", name)
    if found := brands(body) & {b"mif1", b"msf1", b"heic", b"heix", b"heim", b"heis", b"hevc", b"crx "}:
        raise ImageError("unsupported_format", f"HEIF ({b', '.join(sorted(found)).decode('ascii')})")
    head = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n\f").lower()
    if _SVG.match(head):
        raise ImageError("unsupported_format", "SVG")
    raise ImageError("not_image", _description(body, head))


def _supported(body: bytes) -> Kind | None:
    if body.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "webp"
    if body.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if body.startswith((b"II*\0", b"MM\0*")):
        return "tiff"
    if looks_like_bmp(body):
        return "bmp"
    return "avif" if brands(body) & AVIF_BRANDS else None


def _description(body: bytes, head: bytes) -> str:
    if not body:
        return "no bytes"
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<")):
        return "HTML or XML"
    if not body[:512].translate(None, _TEXT):
        return f"text: {body[:60]!r}"
    return f"unknown signature {body[:12].hex(' ')}"
