"""ICC profiles: from the picture's colours to sRGB, once, after it was made small."""

from collections import OrderedDict
from hashlib import sha256
from io import BytesIO
from threading import Lock

from PIL import Image, ImageCms

from wit_builder.images.guard import DECODER_FAULTS
from wit_builder.images.pixels import Raster

MAX_CACHED = 64  # transforms; a CMYK one takes about a megabyte
# A profile whose colours come out no further than this from where they went in is sRGB by another name.
# Seen: 0 to 1 for the HP, Google, Facebook and lcms ones, 30 and more for Adobe RGB and Display P3.
SAME_COLOUR = 2

_SPACES = {"RGB": b"RGB ", "L": b"GRAY", "CMYK": b"CMYK"}
_SRGB = ImageCms.createProfile("sRGB")
_PROBE = Image.frombytes("RGB", (6, 36), bytes(51 * (n // 6**k % 6) for n in range(216) for k in range(3)))

_cache: OrderedDict[tuple[str, bytes], ImageCms.ImageCmsTransform | None] = OrderedDict()
_cache_lock = Lock()


def to_srgb(picture: Raster, icc: bytes | None) -> Raster:
    """The picture in RGB with sRGB colours. A profile that is broken or for another mode is ignored.

    CMYK without a profile is converted by the usual rule of thumb.
    """
    transform = _transform(picture.mode, icc) if icc else None
    if transform is not None:
        return Raster.of(transform.apply(picture.image()))
    return picture if picture.mode == "RGB" else Raster.of(picture.image().convert("RGB"))


def is_srgb(icc: bytes | None) -> bool:
    """Whether RGB pixels under this profile are sRGB already, or are to be taken for it."""
    return not icc or _transform("RGB", icc) is None


def _transform(mode: str, icc: bytes) -> ImageCms.ImageCmsTransform | None:
    """The cached way from these colours to sRGB; None where there is none or none is needed."""
    if icc[16:20] != _SPACES[mode]:
        return None
    key = mode, sha256(icc).digest()
    with _cache_lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    transform = _built(mode, icc)
    with _cache_lock:
        _cache[key] = transform
        if len(_cache) > MAX_CACHED:
            _cache.popitem(last=False)
    return transform


def _built(mode: str, icc: bytes) -> ImageCms.ImageCmsTransform | None:
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        transform = ImageCms.ImageCmsTransform(profile, ImageCms.ImageCmsProfile(_SRGB), mode, "RGB")
        if mode != "RGB":
            return transform
        seen = transform.apply(_PROBE).tobytes()
    except (ImageCms.PyCMSError, *DECODER_FAULTS):
        return None
    far = max(abs(a - b) for a, b in zip(seen, _PROBE.tobytes(), strict=True))
    return transform if far > SAME_COLOUR else None
