"""Where and when: eight places under six moods, different in every scene.

Each place is drawn back to front on a sky; hills, peaks, roofs and clouds fall differently for every key, and
patches of light and shade lie over all. This is not only for the looks: two scenes with the same words must be
far apart for a perceptual hash, which sees little but large light and dark patches.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sin
from random import Random

from PIL import Image, ImageChops, ImageDraw

Colour = tuple[int, int, int]

_SKIES: dict[str, tuple[Colour, Colour, Colour]] = {  # top, middle, horizon
    "sun": ((60, 132, 214), (126, 186, 236), (212, 234, 246)),
    "sunset": ((70, 50, 110), (222, 96, 78), (252, 190, 96)),
    "night": ((14, 20, 58), (30, 44, 100), (70, 88, 146)),
    "rain": ((74, 82, 96), (112, 120, 132), (150, 156, 164)),
    "fog": ((176, 182, 186), (196, 200, 202), (214, 216, 214)),
    "snowfall": ((140, 150, 168), (176, 186, 200), (210, 216, 224)),
}
_TINTS: dict[str, tuple[Colour, float]] = {  # what the land's colours are mixed with, and how far
    "sun": ((255, 244, 210), 0.06),
    "sunset": ((190, 70, 50), 0.34),
    "night": ((22, 32, 84), 0.56),
    "rain": ((84, 92, 104), 0.40),
    "fog": ((200, 204, 206), 0.46),
    "snowfall": ((206, 212, 222), 0.34),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """What the painters of places share."""

    draw: ImageDraw.ImageDraw
    width: int
    height: int
    horizon: int  # pixels from the top
    mood: str
    pick: Random

    def tinted(self, colour: Colour, jitter: int = 10) -> Colour:
        """The colour in this mood's light, never twice the same."""
        tint, share = _TINTS[self.mood]
        shift = self.pick.randint(-jitter, jitter)
        red, green, blue = (
            max(0, min(255, round(own + (other - own) * share) + shift))
            for own, other in zip(colour, tint, strict=True)
        )
        return red, green, blue

    def hill(self, top: float, swing: float, colour: Colour) -> None:
        """Rolling land from around `top` (pixels) down, up and down by `swing`."""
        waves = [(self.pick.uniform(0.5, 3.5), self.pick.uniform(0, 2 * pi)) for _ in range(3)]
        step = self.width / 20
        line = [
            (x * step, top + swing * sum(sin(speed * x / 20 * 2 * pi + phase) for speed, phase in waves) / 2)
            for x in range(21)
        ]
        self.draw.polygon([*line, (self.width, self.height), (0, self.height)], fill=colour)


def backdrop(width: int, height: int, place: str, mood: str, pick: Random) -> Image.Image:
    """The picture without the things, RGB."""
    image = _sky(width, height, mood, pick)
    draw = ImageDraw.Draw(image)
    stage = Stage(draw, width, height, round(height * pick.uniform(0.42, 0.66)), mood, pick)
    _lights(stage)
    _PLACES[place](stage)
    return ImageChops.multiply(image, _patches(width, height, mood, pick))


def _sky(width: int, height: int, mood: str, pick: Random) -> Image.Image:
    shift = pick.randint(-18, 18)
    column = bytes(
        max(0, min(255, part + shift + pick.randint(-8, 8))) for colour in _SKIES[mood] for part in colour
    )
    tilted = column[3:6] + column[:3] + column[3:6] + column[3:6] + column[6:9] + column[6:9]
    left = Image.frombytes("RGB", (2, 3), tilted if pick.random() < 0.5 else _swapped(tilted))
    return left.resize((width, height), Image.Resampling.BILINEAR)


def _swapped(rows: bytes) -> bytes:
    return b"".join(rows[at + 3 : at + 6] + rows[at : at + 3] for at in range(0, len(rows), 6))


def _lights(stage: Stage) -> None:
    pick, width, height = stage.pick, stage.width, stage.height
    if stage.mood == "night":
        for _ in range(60):
            x, y = pick.random() * width, pick.random() * stage.horizon
            size = pick.choice((1, 1, 2))
            stage.draw.ellipse((x, y, x + size, y + size), fill=(250, 248, 226))
    if stage.mood in ("sun", "sunset", "night"):
        radius = height * pick.uniform(0.06, 0.13)
        x, y = pick.uniform(0.1, 0.9) * width, pick.uniform(0.1, 0.9) * stage.horizon
        colour = {"sun": (255, 246, 190), "sunset": (255, 222, 120), "night": (236, 236, 214)}[stage.mood]
        stage.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    for _ in range(pick.randint(2, 5)):
        _cloud(stage)


def _cloud(stage: Stage) -> None:
    pick = stage.pick
    sky = _SKIES[stage.mood][pick.choice((0, 1, 2))]
    lighter = pick.random() < 0.6
    red, green, blue = (round(part + ((255 if lighter else 30) - part) * 0.45) for part in sky)
    x, y = pick.random() * stage.width, pick.random() * stage.horizon * 0.9
    size = stage.width * pick.uniform(0.05, 0.11)
    for _ in range(5):
        left, top = x + pick.uniform(-2, 2) * size, y + pick.uniform(-0.35, 0.35) * size
        box = (left - size, top - size * 0.45, left + size, top + size * 0.45)
        stage.draw.ellipse(box, fill=(red, green, blue))


def _patches(width: int, height: int, mood: str, pick: Random) -> Image.Image:
    """Cloud shadows: a coarse random field, made smooth."""
    flat = mood in ("night", "fog")  # little contrast of their own: PDQ's quality would fall below 60
    darkest = 104 if mood == "night" else 146
    across, down = pick.choice((8, 10, 12)) + 4 * flat, pick.choice((6, 8, 10)) + 3 * flat
    coarse = Image.frombytes(
        "L", (across, down), bytes(pick.randint(darkest, 255) for _ in range(across * down))
    )
    field = coarse.resize((width, height), Image.Resampling.BICUBIC)
    return Image.merge("RGB", (field, field, field))


def _sea(stage: Stage) -> None:
    pick, width, height, horizon = stage.pick, stage.width, stage.height, stage.horizon
    stage.draw.rectangle((0, horizon, width, height), fill=stage.tinted((30, 104, 158)))
    for _ in range(26):
        y = pick.uniform(horizon, height)
        depth = (y - horizon) / (height - horizon)
        x, length = pick.random() * width, width * (0.05 + 0.3 * depth * pick.random())
        colour = stage.tinted(pick.choice(((18, 78, 130), (70, 150, 196), (190, 222, 236))))
        stage.draw.ellipse((x, y, x + length, y + 2 + 7 * depth), fill=colour)
    left, top = pick.random() * width, pick.uniform(0.8, 0.95) * height
    shore = [
        (0, height),
        (0, top),
        (left, top + height * 0.04),
        (width, height * pick.uniform(0.8, 1.0)),
        (width, height),
    ]
    stage.draw.polygon(shore, fill=stage.tinted((226, 202, 148)))


def _mountains(stage: Stage) -> None:
    pick, width, height = stage.pick, stage.width, stage.height
    for row, rock in enumerate(((128, 138, 158), (94, 98, 112))):
        for _ in range(4):
            half = width * pick.uniform(0.14, 0.3)
            x, foot = pick.random() * width, stage.horizon + height * 0.14 * (row + 1)
            peak = foot - height * pick.uniform(0.26, 0.5)
            stage.draw.polygon([(x - half, foot), (x, peak), (x + half, foot)], fill=stage.tinted(rock))
            shade = [(x, peak), (x + half, foot), (x + half * 0.1, foot)]
            stage.draw.polygon(shade, fill=stage.tinted((70, 74, 90)))
            cap, drop = half * 0.34, (foot - peak) * 0.34
            snow = [
                (x, peak),
                (x + cap, peak + drop),
                (x + cap * 0.2, peak + drop * 0.75),
                (x - cap, peak + drop),
            ]
            stage.draw.polygon(snow, fill=stage.tinted((244, 248, 252)))
    stage.hill(stage.horizon + height * 0.2, height * 0.06, stage.tinted((88, 122, 74)))


def _desert(stage: Stage) -> None:
    pick, height = stage.pick, stage.height
    sands = ((226, 190, 124), (206, 160, 92), (236, 204, 142), (190, 140, 78))
    for row in range(4):
        top = stage.horizon + (height - stage.horizon) * row * 0.24
        stage.hill(top, height * pick.uniform(0.04, 0.1), stage.tinted(sands[row], 16))
    for _ in range(pick.randint(1, 4)):
        _cactus(stage)


def _cactus(stage: Stage) -> None:
    pick, size = stage.pick, stage.height * stage.pick.uniform(0.06, 0.14)
    x, y = pick.random() * stage.width, pick.uniform(stage.horizon, stage.height)
    green, thick = stage.tinted((62, 118, 66)), max(3, round(size * 0.22))
    stage.draw.line((x, y, x, y - size), fill=green, width=thick)
    for side, at in ((-1, 0.45), (1, 0.6)):
        arm = [
            (x, y - size * at),
            (x + side * size * 0.35, y - size * at),
            (x + side * size * 0.35, y - size * at - size * 0.3),
        ]
        stage.draw.line(arm, fill=green, width=thick)


def _forest(stage: Stage) -> None:
    pick, width, height = stage.pick, stage.width, stage.height
    stage.hill(stage.horizon + height * 0.12, height * 0.04, stage.tinted((54, 82, 46)))
    for row, green in enumerate(((44, 78, 60), (30, 62, 44), (22, 48, 34))):
        for _ in range(9):
            _fir(stage, pick.random() * width, stage.horizon + height * (0.06 + 0.1 * row), green)


def _fir(stage: Stage, x: float, foot: float, green: Colour) -> None:
    tall = stage.height * stage.pick.uniform(0.2, 0.42)
    half, colour = tall * 0.26, stage.tinted(green)
    stage.draw.rectangle(
        (x - half * 0.12, foot - tall * 0.1, x + half * 0.12, foot + 4), fill=stage.tinted((80, 56, 40))
    )
    for part in range(3):
        top, bottom = foot - tall * (1 - part * 0.26), foot - tall * (0.5 - part * 0.2)
        spread = half * (0.55 + part * 0.22)
        stage.draw.polygon([(x, top), (x + spread, bottom), (x - spread, bottom)], fill=colour)


def _city(stage: Stage) -> None:
    pick, width, height = stage.pick, stage.width, stage.height
    stage.draw.rectangle((0, stage.horizon, width, height), fill=stage.tinted((120, 122, 128)))
    for row, wall in enumerate(((134, 140, 158), (98, 104, 122), (150, 126, 112))):
        x = -pick.random() * 30.0
        foot = stage.horizon + height * 0.1 * (row + 1)
        while x < width:
            wide = width * pick.uniform(0.06, 0.14)
            if pick.random() < 0.72 - 0.18 * row:
                _tower(stage, (x, foot - height * pick.uniform(0.14, 0.5 - 0.1 * row), x + wide, foot), wall)
            x += wide * 1.04
    lane = stage.horizon + height * 0.34
    stage.draw.polygon(
        [(0, lane), (width, lane + height * pick.uniform(-0.1, 0.1)), (width, height), (0, height)],
        fill=stage.tinted((70, 72, 78)),
    )


def _tower(stage: Stage, box: tuple[float, float, float, float], wall: Colour) -> None:
    left, top, right, bottom = box
    stage.draw.rectangle(box, fill=stage.tinted(wall, 26))
    lit = (255, 224, 130) if stage.mood in ("night", "sunset", "rain") else (206, 226, 240)
    gap = max(9.0, (right - left) / 4)
    y = top + gap * 0.5
    while y < bottom - gap:
        x = left + gap * 0.35
        while x < right - gap * 0.5:
            if stage.pick.random() < 0.6:
                stage.draw.rectangle((x, y, x + gap * 0.45, y + gap * 0.5), fill=lit)
            x += gap
        y += gap * 1.2


def _meadow(stage: Stage) -> None:
    pick, width, height = stage.pick, stage.width, stage.height
    for row, green in enumerate(((128, 170, 96), (96, 156, 66), (70, 134, 50))):
        top = stage.horizon + (height - stage.horizon) * row * 0.28
        stage.hill(top, height * pick.uniform(0.03, 0.08), stage.tinted(green, 16))
    for _ in range(70):
        y = pick.uniform(stage.horizon + height * 0.1, height)
        size = 1.5 + 5 * (y - stage.horizon) / height
        x, colour = (
            pick.random() * width,
            pick.choice(((250, 240, 120), (244, 244, 244), (228, 120, 160), (180, 130, 220))),
        )
        stage.draw.ellipse((x - size, y - size, x + size, y + size), fill=stage.tinted(colour))


def _snow(stage: Stage) -> None:
    pick, width, height = stage.pick, stage.width, stage.height
    whites = ((206, 218, 234), (226, 234, 244), (242, 246, 250))
    for row, white in enumerate(whites):
        top = stage.horizon + (height - stage.horizon) * row * 0.27
        stage.hill(top, height * pick.uniform(0.04, 0.1), stage.tinted(white, 12))
        for _ in range(pick.randint(0, 2)):
            _fir(stage, pick.random() * width, top + height * 0.1, (60, 92, 84))


def _volcano(stage: Stage) -> None:
    pick, width, height = stage.pick, stage.width, stage.height
    x, half = pick.uniform(0.25, 0.75) * width, width * pick.uniform(0.3, 0.46)
    foot, peak = stage.horizon + height * 0.18, stage.horizon - height * pick.uniform(0.16, 0.3)
    for step in range(8):
        size = height * (0.04 + 0.014 * step)
        drift = x + pick.uniform(-1, 1) * size + step * width * 0.02
        y = peak - step * height * 0.05
        stage.draw.ellipse(
            (drift - size, y - size, drift + size, y + size), fill=stage.tinted((96, 92, 94), 20)
        )
    rim = half * 0.16
    stage.draw.polygon(
        [(x - half, foot), (x - rim, peak), (x + rim, peak), (x + half, foot)],
        fill=stage.tinted((84, 62, 58)),
    )
    for _ in range(4):
        end = x + pick.uniform(-0.6, 0.6) * half
        flow = [
            (x + pick.uniform(-rim, rim) * 0.6, peak),
            ((x + end) / 2 + pick.uniform(-9, 9), (peak + foot) / 2),
            (end, foot),
        ]
        stage.draw.line(
            flow,
            fill=pick.choice(((255, 120, 30), (255, 180, 50), (226, 60, 30))),
            width=max(4, width // 70),
            joint="curve",
        )
    stage.hill(foot, height * 0.06, stage.tinted((64, 54, 52)))
    stage.hill(foot + height * 0.16, height * 0.05, stage.tinted((96, 84, 66)))


_PLACES: dict[str, Callable[[Stage], None]] = {
    "sea": _sea,
    "mountains": _mountains,
    "desert": _desert,
    "forest": _forest,
    "city": _city,
    "meadow": _meadow,
    "snow": _snow,
    "volcano": _volcano,
}
