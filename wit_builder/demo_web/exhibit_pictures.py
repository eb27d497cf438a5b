"""Files that are no good picture, each for one reason only, and odd ones that must be read all the same."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from random import Random
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from wit_builder.demo_web.answers import HTML, MIME, Answer, png_bomb, text
from wit_builder.demo_web.expected import Pair, Stage
from wit_builder.demo_web.museum import Answering, Hall, Museum, gallery, picture_answer
from wit_builder.demo_web.painting import paint
from wit_builder.demo_web.pictures import Picture, encode
from wit_builder.demo_web.scenes import Scene

_EXIF_ORIENTATION = 0x0112


def build(museum: Museum) -> None:
    """Put up the hall."""
    hall = museum.hall("pictures")
    _bad_measures(hall)
    _bad_files(hall)
    _bad_types(hall)
    _odd_types(hall)
    _odd_files(hall)


def _bad_measures(hall: Hall) -> None:
    small = [
        _lost(
            hall, f"small/{n}.jpg", "image_too_small", lambda s: picture_answer(Picture(s, transform="small"))
        )
        for n in range(2)
    ]
    small.append(_lost(hall, "small/line.gif", "image_too_small", _dot))
    hall.page("too-small.html", gallery(small), small)

    long = [
        _lost(hall, "long/banner.jpg", "image_too_long", lambda scene: _stretched(scene, 1200, 300)),
        _lost(hall, "long/pillar.jpg", "image_too_long", lambda scene: _stretched(scene, 240, 960)),
    ]
    hall.page("too-long.html", gallery(long), long)

    few = _lost(hall, "few-bytes/signs.png", "image_few_bytes", _signs)
    hall.page("few-bytes.html", gallery([few]), [few])

    blank = [_lost(hall, f"blank/{n}.jpg", "image_blank", _haze) for n in range(2)]
    hall.page("blank.html", gallery(blank), blank)


def _lost(
    hall: Hall, path: str, reason: str, make: Callable[[Scene], Answer], stage: Stage = "clean"
) -> Pair:
    """A pair that is lost for what `make` makes of its scene."""
    return hall.lost_photo(path, stage, reason, _made(hall, path, make))


def _made(hall: Hall, path: str, make: Callable[[Scene], Answer]) -> Answering:
    scene = hall.museum.scene(hall.url(path))
    return lambda _: make(scene)


def _dot(_: Scene) -> Answer:
    """A spacer: one pixel, whatever its name says."""
    return Answer(body=_saved(Image.new("1", (1, 1)), "GIF"), content_type="image/gif")


def _stretched(scene: Scene, width: int, height: int) -> Answer:
    image = paint(scene).resize((width, height), Image.Resampling.BILINEAR)
    return Answer(body=encode(image, "jpg"), content_type="image/jpeg")


def _signs(scene: Scene) -> Answer:
    """A picture full of detail in 250 bytes: black and white, no grain."""
    pick = Random(scene.key)
    image = Image.new("1", (320, 240), 1)
    draw = ImageDraw.Draw(image)
    for n in range(24):
        x, y, width, height = (8 * pick.randrange(size) for size in (36, 26, 12, 10))
        draw.rectangle((x, y, x + width + 8, y + height + 8), fill=n % 2)
    return Answer(body=_saved(image, "PNG", optimize=True), content_type="image/png")


def _haze(scene: Scene) -> Answer:
    """Hardly a level up or down around one grey, and yet 40 kB: noise that a perceptual hash does not see."""
    noise = np.random.default_rng(scene.key).integers(-4, 5, (360, 480), np.int16)
    grey = 140 + scene.key % 40
    image = Image.fromarray((noise + grey).astype(np.uint8)).convert("RGB")
    return Answer(body=encode(image, "jpg", 95), content_type="image/jpeg")


def _bad_files(hall: Hall) -> None:
    half = _lost(hall, "bad/half.jpg", "decode_error", _half, "fetch")
    words = Answer(body=b"This is no picture, whatever its name says. " * 200, content_type="image/jpeg")
    letter = hall.lost_photo("bad/words.jpg", "fetch", "not_image", words)
    bomb = _lost(hall, "bad/bomb.png", "too_many_pixels", _bomb, "fetch")
    hall.page("bad-files.html", gallery([half, letter, bomb]), [half, letter, bomb])


def _half(scene: Scene) -> Answer:
    """The first half of a JPEG, sent whole: Content-Length says nothing is missing."""
    whole = encode(paint(scene), "jpg")
    return Answer(body=whole[: len(whole) // 2], content_type="image/jpeg")


def _bomb(_: Scene) -> Answer:
    return Answer(body=png_bomb(), content_type="image/png")


def _bad_types(hall: Hall) -> None:
    """HTML under a picture's name: sent as a JPEG it is found out by its bytes, as HTML by its header."""
    page = b"<!DOCTYPE html><title>Sign in</title><p>Please sign in to see this picture." + b" " * 5000
    disguised = hall.lost_photo(
        "types/disguised.jpg", "fetch", "not_image", Answer(body=page, content_type="image/jpeg")
    )
    html = hall.lost_photo("types/html.jpg", "fetch", "not_image", Answer(body=page, content_type=HTML))
    error = Answer(body=b'{"error": "no such picture"}', content_type="application/json")
    json = hall.lost_photo("types/json.jpg", "fetch", "not_image", error)
    lines = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>'
    drawing = hall.lost_photo("types/drawing", "fetch", "unsupported_format", text(lines, "image/svg+xml"))
    jpeg_xl = b"\xff\x0a" + bytes(range(256)) * 40  # that is how one begins
    newer = Answer(body=jpeg_xl, content_type="image/jxl")
    too_new = hall.lost_photo("types/too-new", "fetch", "unsupported_format", newer)
    pairs = [disguised, html, json, drawing, too_new]
    hall.page("wrong-types.html", gallery(pairs), pairs)


def _odd_types(hall: Hall) -> None:
    """Good pictures under a wrong name or type, which their bytes overrule."""
    types = {"plain": "text/plain", "octets": "application/octet-stream", "png": "image/png"}
    pairs = [_as_type(hall, f"types/{name}.jpg", content_type) for name, content_type in types.items()]
    pairs.append(hall.photo("types/no-extension"))
    hall.page("odd-types.html", gallery(pairs), pairs)


def _as_type(hall: Hall, path: str, content_type: str) -> Pair:
    pair = hall.photo(path)
    hall.serve(
        pair.url,
        _made(hall, path, lambda scene: replace(picture_answer(Picture(scene)), content_type=content_type)),
    )
    return pair


def _odd_files(hall: Hall) -> None:
    """Turned by EXIF, four inks, 16 bits, see-through, moving: kept, and their pixels must come out right."""
    made = {"turned.jpg": _turned, "inks.jpg": _inks, "deep.png": _deep, "see-through.png": _see_through}
    pairs = [_of_file(hall, f"odd/{name}", make) for name, make in {**made, "moving.gif": _moving}.items()]
    hall.page("odd-files.html", gallery(pairs), pairs)


def _of_file(hall: Hall, path: str, make: Callable[[Image.Image], bytes]) -> Pair:
    pair = hall.photo(path)
    content_type = MIME[path.rpartition(".")[2]]
    hall.serve(
        pair.url, _made(hall, path, lambda scene: Answer(body=make(paint(scene)), content_type=content_type))
    )
    return pair


def _saved(image: Image.Image, form: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _turned(image: Image.Image) -> bytes:
    """Lies on its side, and says so (orientation 6: turn clockwise to see it)."""
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = 6
    return _saved(image.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=85, exif=exif)


def _inks(image: Image.Image) -> bytes:
    return _saved(image.convert("CMYK"), "JPEG", quality=85)


def _deep(image: Image.Image) -> bytes:
    """Grey with 16 bits a pixel."""
    levels = np.asarray(image.convert("L"), np.uint16) * 257
    return _saved(Image.fromarray(levels), "PNG", compress_level=1)


def _see_through(image: Image.Image) -> bytes:
    """An oval window onto nothing at the edges."""
    alpha = Image.new("L", image.size, 0)
    ImageDraw.Draw(alpha).ellipse((4, 4, image.width - 4, image.height - 4), fill=255)
    seen = image.copy()
    seen.putalpha(alpha)
    return _saved(seen, "PNG", compress_level=1)


def _moving(image: Image.Image) -> bytes:
    frames = [
        frame.quantize(64, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        for frame in (image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    ]
    return _saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=300)
