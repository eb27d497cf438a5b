"""The content pages: page i is a function of (seed, i) and of nothing else, however many there are.

They come in blocks of 25, each on one host; half of the hosts keep their pictures on a host of their own.
Within a block some pages hold what a real web holds: copies of a picture of an earlier page, a dead link, the
same banner on several pages. `figures` says it all: it makes the page, answers for its pictures, and is the
truth about its pairs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from wit_builder.demo_web.captions import TONGUES, UNWANTED, WANTED
from wit_builder.demo_web.expected import Pair, Stage
from wit_builder.demo_web.pictures import SMALL_SIDE, Picture, published
from wit_builder.demo_web.queries import WORDLESS, vague
from wit_builder.demo_web.scenes import Scene, key_of, scene_of

BLOCK = 25  # pages
MAX_HOSTS = 2000

_NAMES = (
    "garden",
    "harbour",
    "atlas",
    "gallery",
    "journal",
    "valley",
    "studio",
    "coast",
    "market",
    "orchard",
)
_LANGUAGES = ("en",) * 8 + WANTED[1:] * 2 + (UNWANTED,)  # of 19 pages 8 are English and one nobody wants
_NUMBER = re.compile(r"[0-9]{1,9}")
_PICTURE = re.compile(
    r"http://[^/]+/(?:b/(?P<block>[0-9]{1,9})|(?:p|was)/(?P<page>[0-9]{1,9})/[0-9])\.[a-z]+"
)
_DEAD_LINKS = 4  # blocks of a host that have one

# What some pages of each block hold besides their own pictures, by place in the block: a copy of the first
# picture of the page so many places before.
_COPIES = {
    4: (2, "exact"),
    6: (3, "resized"),
    8: (3, "reencoded"),
    12: (3, "mirrored"),
    13: (3, "cropped"),
}
_BANNER, _DEAD, _REPEATED_PAIR, _REPEATED_URL, _SMALL, _MOVED = 2, 10, 14, 16, 18, 20
_VAGUE, _WORDLESS = (19, 21, 23), 24  # in English on any page


@dataclass(frozen=True, slots=True)
class Figure:
    """One image reference on a content page."""

    pair: Pair
    picture: Picture | None  # None: there is none at this address
    moved_to: str = ""  # where the pair's address redirects to
    lazy: bool = False  # the address stands in data-src


@dataclass(frozen=True, slots=True)
class Content:
    """The content pages of one demo web."""

    pages: int
    seed: int

    @property
    def blocks(self) -> int:
        """Blocks of up to 25 pages."""
        return -(-self.pages // BLOCK)

    def host(self, block: int) -> str:
        """The host of a block's pages."""
        number = block % min(self.blocks, MAX_HOSTS)
        return f"{_NAMES[number % len(_NAMES)]}-{number}.demo.test"

    def image_host(self, block: int) -> str:
        """The host of a block's pictures."""
        number = block % min(self.blocks, MAX_HOSTS)
        return f"media-{number}.demo.test" if number % 2 else self.host(block)

    def lang(self, i: int) -> str:
        """The language of page i."""
        return _LANGUAGES[key_of(self.seed, "lang", i) % len(_LANGUAGES)]

    def url(self, i: int) -> str:
        """The address of page i."""
        return f"http://{self.host(i // BLOCK)}/{self.lang(i)}/{i}.html"

    def block_of(self, i: int) -> int:
        """The block page i is in."""
        return i // BLOCK

    def in_block(self, block: int) -> range:
        """The pages of a block."""
        return range(block * BLOCK, min((block + 1) * BLOCK, self.pages))

    def scene(self, i: int, slot: int) -> Scene:
        """What the picture in that slot of page i shows; first ones are large, as they are copied from."""
        return scene_of(key_of(self.seed, "page", i, slot), large=slot == 0)

    def is_copied(self, i: int) -> bool:
        """Whether a later page of the block may hold a copy of this page's first picture."""
        return i % BLOCK in {place - back for place, (back, _) in _COPIES.items()}

    def figures(self, i: int) -> list[Figure]:
        """The image references of page i, in its order."""
        return [*self._own(i), *self._planted(i)]

    def page_at(self, url: str) -> int | None:
        """The number of the page with that address."""
        name = url.rpartition("/")[2].removesuffix(".html")
        i = int(name) if _NUMBER.fullmatch(name) else self.pages
        return i if i < self.pages and self.url(i) == url else None

    def figure_at(self, url: str) -> Figure | None:
        """The figure whose picture has that address, or moved there."""
        found = _PICTURE.fullmatch(url)
        if found is None:
            return None
        i = int(found["block"]) * BLOCK + _BANNER if found["block"] else int(found["page"])
        figures = self.figures(i) if i < self.pages else []
        return next((figure for figure in figures if url in (figure.pair.url, figure.moved_to)), None)

    def _own(self, i: int) -> Iterator[Figure]:
        key = key_of(self.seed, "layout", i)
        for slot in range(2 + key % 3):
            scene = self.scene(i, slot)
            habit = key >> (8 + 4 * slot) & 15
            picture = published(scene)
            pair = self._pair(i, f"/p/{i}/{slot}.{picture.format}", scene, habit + slot)
            name = f"{i}/{slot}"
            source = "figcaption" if habit < 3 else "alt"
            yield Figure(replace(pair, source=source, image=name, look=name), picture, lazy=habit > 12)

    def _planted(self, i: int) -> Iterator[Figure]:
        place = i % BLOCK
        if place in _COPIES:
            yield self._copy(i, *_COPIES[place])
        elif place % 5 == _BANNER:
            yield self._banner(i)
        elif place == _DEAD and i // BLOCK < _DEAD_LINKS * MAX_HOSTS:
            yield Figure(self._pair(i, f"/p/{i}/8.jpg", self.scene(i, 8), i, ("fetch", "http_404")), None)
        elif place == _REPEATED_PAIR:
            yield list(self._own(i - 1))[1]
        elif place == _REPEATED_URL:
            yield self._renamed(i, list(self._own(i - 2))[1])
        elif place == _SMALL:
            scene = self.scene(i, 8)
            pair = self._pair(i, f"/p/{i}/8.jpg", scene, i, ("clean", "image_too_small"))
            yield Figure(replace(pair, area=SMALL_SIDE**2), Picture(scene, transform="small"))
        elif place == _MOVED:
            scene = self.scene(i, 8)
            pair = self._pair(i, f"/was/{i}/8.jpg", scene, i)
            yield Figure(pair, Picture(scene), moved_to=pair.url.replace("/was/", "/p/"))

        elif place in _VAGUE or place == _WORDLESS:
            scene = self.scene(i, 8)
            url = f"http://{self.image_host(i // BLOCK)}/p/{i}/8.jpg"
            caption = vague(scene) if place in _VAGUE else WORDLESS.format(n=i)
            yield Figure(Pair(url, caption, area=scene.area), Picture(scene))

    def _copy(self, i: int, back: int, transform: str) -> Figure:
        """A copy of the first picture of an earlier page, under an address and a caption of its own."""
        scene = self.scene(i - back, 0)
        exact, near = transform == "exact", transform in ("exact", "resized", "reencoded")
        picture = published(scene) if exact else Picture(scene, "jpg", transform)
        original = f"{i - back}/0"
        width, height = picture.size
        pair = self._pair(i, f"/p/{i}/9.{picture.format}", scene, i)
        pair = replace(
            pair,
            image=original if exact else "",
            look=original if near else "",
            area=width * height,
            transform=transform,
        )
        return Figure(pair, picture)

    def _banner(self, i: int) -> Figure:
        """The same picture with the same words on every fifth page of the block."""
        block = i // BLOCK
        scene = self.scene(block * BLOCK, 7)
        url = f"http://{self.image_host(block)}/b/{block}.jpg"
        return Figure(Pair(url, TONGUES["en"].caption(scene, block), area=scene.area), Picture(scene))

    def _renamed(self, i: int, figure: Figure) -> Figure:
        """The same address as on an earlier page, with another text."""
        caption = f"{TONGUES['en'].caption(self.scene(i - 2, 1), i)}, seen again"
        return replace(
            figure, pair=replace(figure.pair, caption=caption, source="alt", lost=None), lazy=False
        )

    def _pair(
        self, i: int, path: str, scene: Scene, style: int, lost: tuple[Stage, str] | None = None
    ) -> Pair:
        """A pair in the language of its page."""
        lang = self.lang(i)
        if lang == UNWANTED:
            lost = ("select", "language_unwanted")
        url = f"http://{self.image_host(i // BLOCK)}{path}"
        return Pair(url, TONGUES[lang].caption(scene, style), lost=lost, area=scene.area)
