"""The sixteen things, each drawn once per colour on a transparent square and kept.

A drawing is a function of a pen and a paint; coordinates run from 0 to 100, x to the right and y down.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]

SIDE = 192  # pixels of a kept sprite; drawn at twice that and reduced, which smooths the edges
_SCALE = 2 * SIDE / 100

_BASE: dict[str, Colour] = {
    "red": (214, 38, 40),
    "orange": (245, 132, 16),
    "yellow": (250, 214, 36),
    "green": (46, 158, 66),
    "blue": (36, 92, 214),
    "purple": (136, 54, 182),
    "white": (246, 246, 246),
    "black": (38, 38, 44),
}
_WOOD, _STONE, _GLASS, _CREAM = (122, 82, 48), (150, 148, 146), (206, 232, 246), (250, 238, 214)


@dataclass(frozen=True, slots=True)
class Paint:
    """A colour with its lights and shades, and what stands out against it."""

    base: Colour
    dark: Colour
    light: Colour
    line: Colour
    contrast: Colour


@lru_cache(maxsize=len(_BASE))
def paint_of(colour: str) -> Paint:
    """The paint of a colour named in scenes.COLOURS."""
    base = _BASE[colour]
    black = colour == "black"
    return Paint(
        base=base,
        dark=(18, 18, 22) if black else _mixed(base, (0, 0, 0), 0.28),
        light=(86, 86, 96) if black else _mixed(base, (255, 255, 255), 0.42),
        line=(196, 196, 204) if black else (44, 38, 44),
        contrast=(60, 60, 70) if colour in ("white", "yellow") else (252, 246, 230),
    )


@lru_cache(maxsize=128)  # 16 things x 8 colours, 147 kB each: 19 MB at most
def sprite(thing: str, colour: str) -> Image.Image:
    """The thing in that colour: RGBA, SIDE x SIDE, not to be changed."""
    canvas = Image.new("RGBA", (2 * SIDE, 2 * SIDE), (0, 0, 0, 0))
    _DRAWINGS[thing](Pen(ImageDraw.Draw(canvas)), paint_of(colour))
    return canvas.reduce(2)


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


class Pen:
    """ImageDraw on a square of 100 x 100."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def shape(self, points: Sequence[Point], fill: Colour, line: Colour | None = None) -> None:
        """A filled polygon, with a line around it where one is given."""
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        self._draw.polygon(scaled, fill=fill)
        if line:
            self._draw.line([*scaled, scaled[0]], fill=line, width=5, joint="curve")

    def oval(
        self, left: float, top: float, right: float, bottom: float, fill: Colour, line: Colour | None = None
    ) -> None:
        """A filled ellipse in that box."""
        box = (left * _SCALE, top * _SCALE, right * _SCALE, bottom * _SCALE)
        self._draw.ellipse(box, fill=fill, outline=line, width=5 if line else 0)

    def slice(
        self,
        box: tuple[float, float, float, float],
        start: float,
        end: float,
        fill: Colour,
        line: Colour | None,
    ) -> None:
        """A pie slice of an ellipse, degrees clockwise from three o'clock."""
        left, top, right, bottom = (value * _SCALE for value in box)
        self._draw.pieslice(
            (left, top, right, bottom), start, end, fill=fill, outline=line, width=5 if line else 0
        )

    def box(
        self, left: float, top: float, right: float, bottom: float, fill: Colour, line: Colour | None = None
    ) -> None:
        """A filled rectangle."""
        box = (left * _SCALE, top * _SCALE, right * _SCALE, bottom * _SCALE)
        self._draw.rectangle(box, fill=fill, outline=line, width=5 if line else 0)

    def stroke(self, points: Sequence[Point], colour: Colour, width: float = 1.6) -> None:
        """A line through the points."""
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        self._draw.line(scaled, fill=colour, width=round(width * _SCALE), joint="curve")


def _sailing_boat(pen: Pen, p: Paint) -> None:
    pen.stroke([(48, 8), (48, 72)], _WOOD, 2.4)
    pen.shape([(51, 8), (51, 64), (88, 64)], p.base, p.line)
    pen.shape([(51, 40), (51, 64), (88, 64)], p.dark, p.line)
    pen.shape([(45, 16), (45, 64), (16, 64)], p.light, p.line)
    pen.shape([(6, 72), (94, 72), (80, 92), (20, 92)], p.base, p.line)
    pen.shape([(10, 77), (90, 77), (87, 82), (13, 82)], p.contrast)


def _car(pen: Pen, p: Paint) -> None:
    pen.shape([(22, 48), (34, 27), (68, 27), (82, 48)], p.base, p.line)
    pen.shape([(28, 47), (37, 32), (49, 32), (49, 47)], _GLASS, p.line)
    pen.shape([(53, 47), (53, 32), (66, 32), (75, 47)], _GLASS, p.line)
    pen.shape([(4, 56), (16, 47), (86, 47), (97, 56), (97, 70), (4, 70)], p.base, p.line)
    pen.box(4, 63, 97, 70, p.dark)
    pen.oval(89, 52, 97, 59, (255, 240, 170), p.line)
    for x in (14, 64):
        pen.oval(x, 58, x + 24, 82, (34, 34, 38), (90, 90, 94))
        pen.oval(x + 7, 65, x + 17, 75, (198, 198, 204))


def _house(pen: Pen, p: Paint) -> None:
    pen.box(70, 14, 80, 40, p.dark, p.line)
    pen.box(16, 46, 84, 94, p.base, p.line)
    pen.shape([(6, 48), (50, 10), (94, 48)], p.dark, p.line)
    pen.box(42, 64, 58, 94, _WOOD, p.line)
    for x in (22, 64):
        pen.box(x, 56, x + 14, 70, _GLASS, p.line)
        pen.stroke([(x + 7, 56), (x + 7, 70)], p.line, 1)
    pen.oval(44, 28, 56, 40, p.contrast, p.line)


def _tree(pen: Pen, p: Paint) -> None:
    pen.shape([(43, 96), (46, 56), (54, 56), (58, 96)], _WOOD, (70, 46, 26))
    for box in ((8, 34, 50, 70), (50, 34, 92, 70), (22, 4, 78, 52)):
        pen.oval(*box, p.base, p.line)
    pen.oval(20, 30, 80, 66, p.base)
    for x, y in ((34, 18), (24, 44), (58, 42), (50, 26), (70, 52)):
        pen.oval(x, y, x + 12, y + 8, p.light)
    pen.oval(38, 56, 66, 66, p.dark)


def _balloon(pen: Pen, p: Paint) -> None:
    pen.stroke([(30, 54), (42, 80)], _WOOD)
    pen.stroke([(70, 54), (58, 80)], _WOOD)
    pen.shape([(17, 44), (83, 44), (60, 74), (40, 74)], p.base, p.line)
    pen.oval(14, 4, 86, 66, p.base, p.line)
    pen.oval(34, 4, 66, 66, p.light)
    pen.oval(44, 4, 56, 66, p.dark)
    pen.box(40, 80, 60, 95, _WOOD, p.line)


def _umbrella(pen: Pen, p: Paint) -> None:
    pen.stroke([(50, 10), (50, 84), (53, 91), (60, 92), (65, 87), (65, 82)], _WOOD, 3)
    pen.slice((5, 12, 95, 102), 180, 360, p.base, p.line)
    pen.slice((28, 12, 72, 102), 180, 360, p.light, None)
    pen.slice((43, 12, 57, 102), 180, 360, p.dark, None)
    for x in (5, 28, 50, 72):
        pen.stroke([(x, 57), (x + 11, 51), (x + 23, 57)], p.line, 1.4)


def _fish(pen: Pen, p: Paint) -> None:
    pen.shape([(30, 50), (4, 24), (12, 50), (4, 76)], p.dark, p.line)
    pen.shape([(44, 30), (60, 10), (72, 32)], p.dark, p.line)
    pen.oval(22, 26, 96, 74, p.base, p.line)
    pen.oval(34, 52, 84, 72, p.light)
    for x in (40, 52, 64):
        pen.stroke([(x, 38), (x + 5, 50), (x, 62)], p.dark, 2)
    pen.oval(78, 38, 90, 50, (255, 255, 255), p.line)
    pen.oval(82, 41, 88, 47, (20, 20, 24))


def _bird(pen: Pen, p: Paint) -> None:
    pen.shape([(30, 58), (2, 46), (4, 70)], p.dark, p.line)
    pen.stroke([(48, 78), (46, 95), (54, 95)], (214, 140, 40), 2)
    pen.stroke([(58, 78), (60, 95), (68, 95)], (214, 140, 40), 2)
    pen.oval(18, 40, 78, 82, p.base, p.line)
    pen.oval(56, 18, 90, 52, p.base, p.line)
    pen.shape([(88, 30), (100, 37), (88, 42)], (246, 170, 40), p.line)
    pen.shape([(30, 52), (58, 50), (66, 62), (26, 74)], p.dark, p.line)
    pen.oval(72, 27, 82, 37, (255, 255, 255), p.line)
    pen.oval(75, 30, 80, 35, (20, 20, 24))


def _flower(pen: Pen, p: Paint) -> None:
    pen.stroke([(50, 50), (52, 98)], (40, 120, 48), 3.4)
    pen.oval(52, 70, 80, 84, (54, 146, 60), (30, 90, 40))
    pen.oval(22, 76, 50, 90, (54, 146, 60), (30, 90, 40))
    for x, y in ((50, 16), (70, 27), (70, 49), (50, 60), (30, 49), (30, 27)):
        pen.oval(x - 15, y - 14, x + 15, y + 14, p.base, p.line)
    middle = (120, 70, 24) if p.base[0] > 230 and p.base[2] < 90 else (252, 200, 40)
    pen.oval(37, 25, 63, 51, middle, p.line)


def _butterfly(pen: Pen, p: Paint) -> None:
    for side in (-1, 1):
        pen.shape([(50, 46), (50 + side * 20, 8), (50 + side * 47, 14), (50 + side * 42, 50)], p.base, p.line)
        pen.shape(
            [(50, 50), (50 + side * 38, 54), (50 + side * 32, 90), (50 + side * 12, 82)], p.dark, p.line
        )
        for x, y, r, fill in ((32, 26, 8, p.light), (24, 68, 6, p.contrast)):
            pen.oval(50 + side * x - r, y - r, 50 + side * x + r, y + r, fill)
        pen.stroke([(50, 28), (50 + side * 10, 8)], (40, 34, 34), 1.2)
    pen.oval(46, 24, 54, 84, (52, 40, 36), p.line)


def _lighthouse(pen: Pen, p: Paint) -> None:
    pen.shape([(22, 98), (30, 88), (72, 88), (80, 98)], _STONE, p.line)
    pen.shape([(33, 90), (40, 30), (60, 30), (67, 90)], p.base, p.line)
    for top, bottom in ((42, 53), (66, 78)):
        inset = (90 - top) * 7 / 60, (90 - bottom) * 7 / 60
        band = [(33 + inset[0], top), (67 - inset[0], top), (67 - inset[1], bottom), (33 + inset[1], bottom)]
        pen.shape(band, p.contrast)
    pen.box(36, 27, 64, 32, p.dark, p.line)
    pen.box(42, 14, 58, 27, (255, 236, 130), p.line)
    pen.shape([(38, 14), (50, 3), (62, 14)], p.base, p.line)


def _kite(pen: Pen, p: Paint) -> None:
    pen.stroke([(50, 66), (42, 76), (56, 84), (46, 97)], (90, 70, 60), 1.6)
    for x, y in ((42, 76), (56, 84)):
        pen.shape([(x, y), (x - 8, y - 5), (x - 8, y + 5)], p.dark, p.line)
        pen.shape([(x, y), (x + 8, y - 5), (x + 8, y + 5)], p.dark, p.line)
    pen.shape([(50, 3), (80, 30), (50, 70), (20, 30)], p.base, p.line)
    pen.shape([(50, 3), (80, 30), (50, 30)], p.light)
    pen.shape([(20, 30), (50, 30), (50, 70)], p.dark)
    pen.stroke([(50, 3), (50, 70)], p.line, 1.2)
    pen.stroke([(20, 30), (80, 30)], p.line, 1.2)


def _mushroom(pen: Pen, p: Paint) -> None:
    pen.shape([(38, 54), (34, 94), (66, 94), (62, 54)], _CREAM, (110, 90, 70))
    pen.shape([(62, 60), (60, 92), (66, 94), (62, 54)], (220, 200, 168))
    pen.slice((6, 10, 94, 106), 180, 360, p.base, p.line)
    pen.oval(6, 50, 94, 66, p.dark, p.line)
    for x, y, r in ((30, 36, 7), (52, 24, 8), (72, 40, 6), (50, 46, 5)):
        pen.oval(x - r, y - r, x + r, y + r, p.contrast)


def _rocket(pen: Pen, p: Paint) -> None:
    pen.shape([(42, 80), (50, 99), (58, 80)], (252, 170, 40))
    pen.shape([(46, 80), (50, 92), (54, 80)], (255, 236, 140))
    pen.shape([(36, 54), (18, 82), (38, 78)], p.dark, p.line)
    pen.shape([(64, 54), (82, 82), (62, 78)], p.dark, p.line)
    body = [(50, 2), (60, 16), (66, 36), (64, 80), (36, 80), (34, 36), (40, 16)]
    pen.shape(body, p.base, p.line)
    pen.shape([(50, 2), (60, 16), (63, 25), (37, 25), (40, 16)], p.contrast, p.line)
    pen.oval(41, 33, 59, 51, _GLASS, p.line)
    pen.stroke([(36, 70), (64, 70)], p.line, 1.6)


def _cup(pen: Pen, p: Paint) -> None:
    pen.oval(64, 42, 96, 76, p.base, p.line)
    pen.oval(72, 50, 88, 68, p.contrast, p.line)
    pen.oval(10, 82, 84, 96, _STONE, p.line)
    pen.shape([(14, 34), (80, 34), (72, 84), (62, 90), (32, 90), (22, 84)], p.base, p.line)
    pen.shape([(58, 36), (78, 36), (70, 84), (60, 88)], p.dark)
    pen.oval(14, 26, 80, 44, p.light, p.line)
    pen.oval(21, 30, 73, 41, (84, 50, 28))
    for x in (34, 54):
        pen.stroke([(x, 24), (x - 4, 17), (x + 4, 11), (x, 4)], (226, 226, 230), 2)


def _castle(pen: Pen, p: Paint) -> None:
    pen.box(26, 46, 74, 94, p.base, p.line)
    for x in (26, 38, 50, 62):
        pen.box(x, 38, x + 8, 48, p.base, p.line)
    for x in (6, 70):
        pen.box(x, 34, x + 24, 94, p.base, p.line)
        pen.shape([(x - 3, 35), (x + 12, 8), (x + 27, 35)], p.dark, p.line)
        pen.box(x + 8, 46, x + 16, 60, p.contrast, p.line)
    pen.box(42, 74, 58, 94, _WOOD, p.line)
    pen.slice((42, 64, 58, 84), 180, 360, _WOOD, p.line)
    pen.stroke([(50, 40), (50, 14)], _WOOD, 1.6)
    pen.shape([(51, 14), (66, 19), (51, 25)], p.light, p.line)


_DRAWINGS: dict[str, Callable[[Pen, Paint], None]] = {
    "sailing boat": _sailing_boat,
    "car": _car,
    "house": _house,
    "tree": _tree,
    "hot-air balloon": _balloon,
    "umbrella": _umbrella,
    "fish": _fish,
    "bird": _bird,
    "flower": _flower,
    "butterfly": _butterfly,
    "lighthouse": _lighthouse,
    "kite": _kite,
    "mushroom": _mushroom,
    "rocket": _rocket,
    "cup": _cup,
    "castle": _castle,
}
