"""A scene becomes a picture: the backdrop, the things on it, the weather before it, and a little grain."""

from functools import lru_cache
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageEnhance

from wit_builder.demo_web.backdrops import backdrop
from wit_builder.demo_web.scenes import Scene
from wit_builder.demo_web.sprites import sprite

_GRAIN_SIZE = (
    1024,
    832,
)  # larger than any picture by 224 and 232 pixels, so that it lies differently on each
_GRAIN = 9  # levels up and down


def paint(scene: Scene) -> Image.Image:
    """The scene as RGB, the same pixels for the same scene."""
    pick = Random(scene.key ^ 0x5EED)
    image = backdrop(scene.width, scene.height, scene.place, scene.mood, pick)
    if scene.mood == "fog":
        image = Image.blend(image, Image.new("RGB", image.size, (206, 208, 208)), 0.22)
    for x, y, side in _spots(scene, pick):
        thing = _turned(scene, side, pick)
        image.paste(thing, (round(x - thing.width / 2), round(y - thing.height / 2)), thing)
    _weather(image, scene.mood, pick)
    at = pick.randrange(_GRAIN_SIZE[0] - scene.width), pick.randrange(_GRAIN_SIZE[1] - scene.height)
    grain = _grain().crop((*at, at[0] + scene.width, at[1] + scene.height))
    return ImageChops.add(image, grain, offset=-128)


def _spots(scene: Scene, pick: Random) -> list[tuple[float, float, float]]:
    """Middle and size of each thing, pixels: on the scene's side, several of them beside one another."""
    least = min(scene.width, scene.height)
    side = least * (pick.uniform(0.3, 0.4) if scene.far else pick.uniform(0.5, 0.66))
    if scene.count > 1:
        side = min(side, scene.width * 0.66 / scene.count) * 0.92
    centre = {"left": 0.3, "middle": 0.5, "right": 0.7}[scene.side] + pick.uniform(-0.04, 0.04)
    room = side * scene.count / 2 / scene.width
    centre = min(max(centre, room + 0.01), 0.99 - room)
    height = pick.uniform(0.5, 0.64) * scene.height
    first = centre * scene.width - side * (scene.count - 1) / 2
    return [
        (first + number * side, height + pick.uniform(-0.16, 0.16) * (scene.count > 1) * scene.height, side)
        for number in range(scene.count)
    ]


def _turned(scene: Scene, side: float, pick: Random) -> Image.Image:
    thing = sprite(scene.thing, scene.colour)
    if pick.random() < 0.5:
        thing = thing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    size = max(8, round(side * pick.uniform(0.84, 1.0))), max(8, round(side * pick.uniform(0.88, 1.0)))
    thing = thing.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    thing = thing.rotate(pick.uniform(-9, 9), Image.Resampling.BILINEAR, expand=True)
    if scene.mood in ("night", "fog"):
        alpha = thing.getchannel("A")
        shown = ImageEnhance.Brightness(thing.convert("RGB")).enhance(0.78 if scene.mood == "night" else 1.06)
        shown.putalpha(alpha)
        return shown
    return thing


def _weather(image: Image.Image, mood: str, pick: Random) -> None:
    width, height = image.size
    draw = ImageDraw.Draw(image)
    if mood == "rain":
        lean = pick.uniform(-8, 8)
        for _ in range(120):
            x, y, fall = pick.random() * width, pick.random() * height, pick.uniform(8, 20)
            draw.line((x, y, x + lean, y + fall), fill=(196, 206, 220))
    if mood == "snowfall":
        for _ in range(140):
            x, y, size = pick.random() * width, pick.random() * height, pick.uniform(1, 3.5)
            draw.ellipse((x, y, x + size, y + size), fill=(250, 252, 255))


@lru_cache(maxsize=1)
def _grain() -> Image.Image:
    """Noise around 128, the same on every machine (Random's bytes are)."""
    width, height = _GRAIN_SIZE
    noise = Image.frombytes("L", _GRAIN_SIZE, Random(7).randbytes(width * height))
    soft = noise.point([128 + round((level - 127.5) / 127.5 * _GRAIN) for level in range(256)])
    return Image.merge("RGB", (soft, soft, soft))
