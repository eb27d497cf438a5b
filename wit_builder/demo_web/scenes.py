"""What is seen in a picture: a scene is drawn from its key alone, and says what its caption may say.

Two colours of every thing never appear on the web (`HELD_OUT`): the eval set shows them, so that a model
tested on it must put together what it learnt apart.
"""

from dataclasses import dataclass
from random import Random

import xxhash

THINGS = (
    "sailing boat",
    "car",
    "house",
    "tree",
    "hot-air balloon",
    "umbrella",
    "fish",
    "bird",
    "flower",
    "butterfly",
    "lighthouse",
    "kite",
    "mushroom",
    "rocket",
    "cup",
    "castle",
)
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black")
PLACES = ("sea", "mountains", "desert", "forest", "city", "meadow", "snow", "volcano")
MOODS = ("sun", "sunset", "night", "rain", "fog", "snowfall")
SIDES = ("left", "middle", "right")

HELD_OUT: tuple[tuple[str, str], ...] = tuple(
    (thing, COLOURS[(3 * number + offset) % len(COLOURS)])
    for number, thing in enumerate(THINGS)
    for offset in (1, 5)  # every colour is held out for four things, and seen on twelve
)
SEEN: tuple[tuple[str, str], ...] = tuple(
    (thing, colour) for thing in THINGS for colour in COLOURS if (thing, colour) not in HELD_OUT
)

_SIZES = (
    (320, 240),
    (400, 300),
    (480, 320),
    (480, 360),
    (360, 360),
    (360, 480),
    (512, 384),
    (640, 480),
    (800, 600),
)
_LARGE = tuple(size for size in _SIZES if min(size) >= 360)


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture before it is painted."""

    key: int  # 64 bits; everything the fields below leave open is drawn from it
    thing: str  # of THINGS
    colour: str  # of COLOURS
    count: int  # 1 to 3
    place: str  # of PLACES
    mood: str  # of MOODS
    side: str  # of SIDES: where the things stand
    far: bool  # small and far away, or large and close
    width: int  # pixels
    height: int

    @property
    def area(self) -> int:
        """Pixels of the picture."""
        return self.width * self.height


def key_of(seed: int, *parts: str | int) -> int:
    """64 bits that depend on nothing but the seed and these parts."""
    return xxhash.xxh3_64_intdigest("/".join(map(str, (seed, *parts))).encode())


def scene_of(key: int, combos: tuple[tuple[str, str], ...] = SEEN, *, large: bool = False) -> Scene:
    """The scene with this key; `large` keeps both sides at 360 pixels or more, room for smaller copies."""
    pick = Random(key)
    thing, colour = pick.choice(combos)
    sizes = _LARGE if large else _SIZES
    width, height = pick.choice(sizes)
    return Scene(
        key=key,
        thing=thing,
        colour=colour,
        count=pick.choice((1, 1, 1, 2, 3)),
        place=pick.choice(PLACES),
        mood=pick.choice(MOODS),
        side=pick.choice(SIDES),
        far=pick.random() < 0.35,
        width=width,
        height=height,
    )
