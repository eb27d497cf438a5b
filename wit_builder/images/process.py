"""One image from the web, as the data set stores it.

`process(body, spec)` is all that callers need: hostile bytes in, one upright sRGB picture of the wanted size
and format out, or an ImageError with the ledger's reason.
"""

from hashlib import sha256

from wit_builder.images.blur import Box, blurred
from wit_builder.images.colour import is_srgb, to_srgb
from wit_builder.images.decode import decode, read
from wit_builder.images.encode import encode
from wit_builder.images.phash import phash
from wit_builder.images.picture import Format, ImageSpec, Mode, Picture
from wit_builder.images.pixels import Raster
from wit_builder.images.png import ends_well
from wit_builder.images.resample import resample
from wit_builder.images.resize import Plan, enough, filter_for, frame, plan, turn
from wit_builder.images.still import Still

__all__ = ["Format", "ImageSpec", "Mode", "Picture", "process"]


def process(body: bytes, spec: ImageSpec, boxes: tuple[Box, ...] = ()) -> Picture:
    """The picture in these bytes, with these parts of it blurred.

    Raises ImageError: not_image, unsupported_format, too_many_pixels (size, or memory for decoding),
    image_too_small, image_too_long, decode_error (broken or truncated).
    """
    still = read(body, spec.max_pixels)
    planned = plan(still.upright, spec)
    scaled = planned.scaled[::-1] if still.orientation >= 5 else planned.scaled
    decoded, box = decode(still, enough(scaled, still.kind))
    small = to_srgb(resample(decoded, box, scaled, filter_for(still, decoded)), still.icc)
    hash_hex, quality = phash(turn(small, still.orientation))
    upright = _upright(small, still.orientation, boxes)
    kept = still.stored if not boxes and _as_it_is(still, planned, spec) else None
    return Picture(
        image=kept or encode(frame(upright, planned.canvas), spec),
        format=spec.format,
        width=planned.canvas[0],
        height=planned.canvas[1],
        original_width=still.upright[0],
        original_height=still.upright[1],
        sha256=sha256(body).hexdigest(),
        phash=hash_hex,
        phash_quality=quality,
        original_format=still.kind,
        animated=still.animated,
        alpha=still.alpha,
    )


def _upright(small: Raster, orientation: int, boxes: tuple[Box, ...]) -> Raster:
    """The picture turned, its boxes blurred.

    No list says whether its boxes are of the picture as stored, which is what OpenCV shows, or upright, as people
    see it: where that differs, both are blurred.
    """
    if not boxes or orientation == 1:
        return turn(blurred(small, boxes), orientation)
    return blurred(turn(blurred(small, boxes), orientation), boxes)


def _as_it_is(still: Still, planned: Plan, spec: ImageSpec) -> bool:
    """Whether nothing about the pixels has to change. What is kept is `still.stored`, without metadata."""
    return (
        spec.keep_original
        and still.kind == spec.format
        and still.orientation == 1
        and planned.scaled == planned.canvas == still.upright
        and is_srgb(still.icc)
        and (still.kind != "png" or ends_well(still.body))
    )
