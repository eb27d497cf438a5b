"""Files that are no good picture, each for one reason only, and odd ones that must be read all the same."""

from dataclasses import replace
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw

from wit_builder.demo_web.answers import HTML, Answer, png_bomb, text
from wit_builder.demo_web.expected import Pair
from wit_builder.demo_web.museum import Hall, Museum, gallery, picture_answer
from wit_builder.demo_web.painting import paint
from wit_builder.demo_web.pictures import Picture, encode
from wit_builder.demo_web.scenes import Scene, key_of

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
    def scene(path: str) -> Scene:
        return hall.museum.scene(hall.url(path))

    small = [
        hall.lost_photo(
            path,
            "clean",
            "image_too_small",
            lambda _, s=scene(path): picture_answer(Picture(s, transform="small")),
        )
        for path in ("small/first.jpg", "small/second.jpg")
    ]
    hall.page("too-small.html", gallery(small), small)

    long = [
        hall.lost_photo(
            path, "clean", "image_too_long", lambda _, s=scene(path), size=size: _stretched(s, *size)
        )
        for path, size in (("long/banner.jpg", (1200, 300)), ("long/pillar.jpg", (240, 960)))
    ]
    hall.page("too-long.html", gallery(long), long)

    few = hall.lost_photo(
        "few-bytes/signs.png", "clean", "image_few_bytes", lambda _: _signs(hall.museum.seed)
    )
    hall.page("few-bytes.html", gallery([few]), [few])

    blank = [
        hall.lost_photo(f"blank/{n}.jpg", "clean", "image_blank", lambda _, n=n: _haze(hall.museum.seed, n))
        for n in range(2)
    ]
    hall.page("blank.html", gallery(blank), blank)


def _stretched(scene: Scene, width: int, height: int) -> Answer:
    image = paint(scene).resize((width, height), Image.Resampling.BILINEAR)
    return Answer(body=encode(image, "jpg"), content_type="image/jpeg")


def _signs(seed: int) -> Answer:
    """A picture full of detail in 2 kB: black and white, no grain."""
    image = Image.new("1", (320, 240), 1)
    draw = ImageDraw.Draw(image)
    for n in range(40):
        key = key_of(seed, "signs", n)
        x, y, size = key % 300, key // 300 % 220, 12 + key // 66_000 % 40
        draw.rectangle((x, y, x + size, y + size), fill=n % 2)
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    return Answer(body=file.getvalue(), content_type="image/png")


def _haze(seed: int, number: int) -> Answer:
    """Hardly a level up or down around one grey, and yet 40 kB: noise that a perceptual hash does not see."""
    noise = np.random.default_rng(key_of(seed, "haze", number)).integers(-4, 5, (360, 480), np.int16)
    image = Image.fromarray((noise + 150 + 20 * number).astype(np.uint8)).convert("RGB")
    return Answer(body=encode(image, "jpg", 95), content_type="image/jpeg")


def _bad_files(hall: Hall) -> None:
    half = hall.lost_photo("bad/half.jpg", "fetch", "decode_error", lambda _: _half(hall, "bad/half.jpg"))
    words = Answer(body=b"This is no picture, whatever its name says. " * 200, content_type="image/jpeg")
    letter = hall.lost_photo("bad/words.jpg", "fetch", "not_image", words)
    bomb = hall.lost_photo(
        "bad/bomb.png",
        "fetch",
        "too_many_pixels",
        lambda _: Answer(body=png_bomb(), content_type="image/png"),
    )
    hall.page("bad-files.html", gallery([half, letter, bomb]), [half, letter, bomb])


def _half(hall: Hall, path: str) -> Answer:
    """The first half of a JPEG, sent whole: Content-Length says nothing is missing."""
    whole = encode(paint(hall.museum.scene(hall.url(path))), "jpg")
    return Answer(body=whole[: len(whole) // 2], content_type="image/jpeg")


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
    newer = Answer(
        body=b"\xff\x0a" + bytes(range(256)) * 40, content_type="image/jxl"
    )  # how a JPEG XL begins
    too_new = hall.lost_photo("types/too-new", "fetch", "unsupported_format", newer)
    pairs = [disguised, html, json, drawing, too_new]
    hall.page("wrong-types.html", gallery(pairs), pairs)


def _odd_types(hall: Hall) -> None:
    """Good pictures under a wrong name or type, which their bytes overrule."""
    pairs = []
    for name, content_type in (
        ("plain", "text/plain"),
        ("octets", "application/octet-stream"),
        ("png", "image/png"),
    ):
        pair = hall.photo(f"types/{name}.jpg")
        picture = Picture(hall.museum.scene(pair.url))
        hall.serve(pair.url, lambda _, p=picture, t=content_type: replace(picture_answer(p), content_type=t))
        pairs.append(pair)
    pairs.append(hall.photo("types/no-extension"))
    hall.page("odd-types.html", gallery(pairs), pairs)


def _odd_files(hall: Hall) -> None:
    """Turned by EXIF, four inks, 16 bits, see-through, moving: kept, and their pixels must come out right."""
    made = {
        "turned.jpg": _turned,
        "inks.jpg": _inks,
        "deep.png": _deep,
        "see-through.png": _see_through,
        "moving.gif": _moving,
    }
    pairs: list[Pair] = []
    for name, make in made.items():
        path = f"odd/{name}"
        image = hall.museum.scene(hall.url(path))
        form = name.rpartition(".")[2].replace("jpg", "jpeg")
        pair = hall.photo(path)
        hall.serve(
            pair.url, lambda _, m=make, s=image, f=form: Answer(body=m(paint(s)), content_type=f"image/{f}")
        )
        pairs.append(pair)
    hall.page("odd-files.html", gallery(pairs), pairs)


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
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
