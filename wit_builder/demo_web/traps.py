"""Links without end: a calendar and session ids, which only a limit of depth stops, and three shapes of address
that give themselves away: folders within themselves, ever more folders, ever more parameters.

Every page of a trap shows the same picture with the same words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wit_builder.demo_web import expected
from wit_builder.demo_web.answers import Answer
from wit_builder.demo_web.captions import TONGUES
from wit_builder.demo_web.expected import Expected, Pair
from wit_builder.demo_web.markup import frame
from wit_builder.demo_web.museum import img, picture_answer
from wit_builder.demo_web.pictures import Picture
from wit_builder.demo_web.scenes import key_of, scene_of

NAME = "traps"
FIRST_DEPTH = 2  # links from the start page to the first page of a trap: start, hall, trap
LAST_SHAPE = FIRST_DEPTH + 2  # where every trap of a telling shape has shown it

_ROOT = f"http://{NAME}.demo.test"
_PICTURE = f"{_ROOT}/picture.jpg"
_FOLDERS = (3, 8, 24)  # of the path, step by step; past any limit at the third
_PARAMETERS = (1, 4, 16)
_CALENDAR = re.compile(r"/calendar/([0-9]{4})/([0-9]{1,2})")
_SESSION = re.compile(r"/session\?sid=([0-9]{6,9})")


@dataclass(frozen=True, slots=True)
class Traps:
    """All traps of one seed; each page is made from its address alone."""

    seed: int

    @property
    def first(self) -> list[str]:
        """The first page of each trap."""
        return [trap[0] for trap in self._shapes()] + [_month(0), _session(0)]

    def answer(self, url: str) -> Answer | None:
        """What is served there; the page a telling shape stands for is there too, if anyone asks."""
        if url == _PICTURE:
            return picture_answer(Picture(scene_of(key_of(self.seed, NAME), large=True)))
        following = self._following(url)
        if following is None:
            return None
        body = f'<p>{img(self._pair())}</p><a href="{following.replace("&", "&amp;")}">go on</a>'
        return Answer(body=frame(NAME, body).encode())

    def truth(self, max_depth: int) -> Iterator[Expected | Pair]:
        """The pages met, and the pair on each page that is read."""
        for shape in self._shapes():
            for url in shape[:-1]:
                yield from (expected.page(url), self._pair())
            yield expected.page(shape[-1], "trap")
        for step in (_month, _session):
            for n in range(max_depth - FIRST_DEPTH + 1):
                yield from (expected.page(step(n)), self._pair())
            yield expected.page(step(max_depth - FIRST_DEPTH + 1), "too_deep")

    def _pair(self) -> Pair:
        scene = scene_of(key_of(self.seed, NAME), large=True)
        return Pair(_PICTURE, TONGUES["en"].caption(scene, 0), image=NAME, look=NAME, area=scene.area)

    def _shapes(self) -> tuple[tuple[str, ...], ...]:
        """Pages of each telling trap; the last one is never to be asked for."""
        again = tuple(f"{_ROOT}{'/again' * n}/" for n in (1, 2, 3))
        deeper = tuple(f"{_ROOT}/{'/'.join(f'room-{n}' for n in range(count))}" for count in _FOLDERS)
        facets = tuple(
            f"{_ROOT}/search?{'&'.join(f'facet{n}=on' for n in range(count))}" for count in _PARAMETERS
        )
        return again, deeper, facets

    def _following(self, url: str) -> str | None:
        """Where the page leads; None where there is no such page."""
        for shape in self._shapes():
            if url in shape:
                return shape[min(shape.index(url) + 1, len(shape) - 1)]
        if found := _CALENDAR.fullmatch(url.removeprefix(_ROOT)):
            return _month((int(found[1]) - 2024) * 12 + int(found[2]))
        if found := _SESSION.fullmatch(url.removeprefix(_ROOT)):
            return _session(int(found[1]) - 100_000 + 1)
        return None


def _month(n: int) -> str:
    """The n-th month's page, from 0 on."""
    return f"{_ROOT}/calendar/{2024 + n // 12}/{n % 12 + 1}"


def _session(n: int) -> str:
    return f"{_ROOT}/session?sid={100_000 + n}"
