"""The demo web: many hosts under demo.test, every answer a function of the seed and the address.

    start.demo.test           the seed: links to the index pages and the halls of the museum
      dir-*.demo.test         index pages, 40 links each, as many levels as it takes
        NAME-n.demo.test      25 content pages a block, three pictures each (content.py)
      HALL.demo.test, ...     the exhibits: every habit and every defect once (museum.py, exhibit_*.py)
      traps.demo.test         links without end (traps.py)
    sitemap.demo.test         a second seed, whose sitemaps name pages that nobody links to

`Web.answer` is the server, `Web.truth` says what a build must make of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from wit_builder.demo_web import (
    exhibit_captions,
    exhibit_charsets,
    exhibit_copies,
    exhibit_failures,
    exhibit_habits,
    exhibit_pictures,
    exhibit_rules,
    exhibit_sitemap,
    expected,
)
from wit_builder.demo_web.answers import NOT_FOUND, Answer, redirect, text
from wit_builder.demo_web.content import Content
from wit_builder.demo_web.expected import Expected, Pair, balanced, settle
from wit_builder.demo_web.markup import content_page, index_page
from wit_builder.demo_web.museum import Museum, picture_answer
from wit_builder.demo_web.queries import ENTRIES
from wit_builder.demo_web.settings import START, DemoWeb
from wit_builder.demo_web.traps import LAST_SHAPE, NAME, Traps

_FAN_OUT = 40  # links of an index page
_DIRECTORIES = 16  # hosts of index pages
_INDEX = re.compile(r"http://dir-[0-9]+\.demo\.test/([0-9])/([0-9]{1,6})\.html")
_HALL = re.compile(re.escape(START) + r"halls/([a-z]+)\.html")


@dataclass(frozen=True, slots=True)
class Web(DemoWeb):
    """The web of these settings: what its hosts answer, and what a build must make of it."""

    @property
    def depth(self) -> int:
        """Links from a seed to the farthest page but those of endless traps."""
        content = len(self._levels) + 1
        return max(content, LAST_SHAPE) if self.exhibits else content

    def answer(self, url: str, asked: int = 1) -> Answer:
        """What is answered to the asked-th request for that absolute URL (as sent, without a fragment)."""
        answer = self._exhibit(url, asked) if self.exhibits else None
        return answer or self._index(url) or self._content(url) or self._robots(url) or NOT_FOUND

    def truth(self, max_depth: int = 12, *, sitemaps: bool = True) -> list[Expected]:
        """What becomes of every page and pair, whatever the order of the crawl.

        max_depth: links between a seed and a page, at most; those one further are met and lost as too_deep.
        sitemaps: whether those of the seeds are read. Raises ValueError where max_depth cuts more than traps.
        """
        return balanced(list(self.settled(max_depth, sitemaps=sitemaps)), ENTRIES, self.per_query)

    def settled(self, max_depth: int = 12, *, sitemaps: bool = True) -> Iterator[Expected]:
        """The same before queries are balanced, group by group; for a million pages too."""
        if max_depth < self.depth:
            raise ValueError(f"max_depth {max_depth} cuts pages off; this web is {self.depth} deep")
        yield expected.page(START)
        if self.exhibits:
            yield from _museum_truth(self.seed, max_depth, sitemaps)
        for level in range(len(self._levels)):
            yield from (expected.page(self._index_url(level, n)) for n in range(self._levels[level]))
        content = self.content
        for block in range(content.blocks):
            yield from (expected.page(content.url(i)) for i in content.in_block(block))
            pairs = [figure.pair for i in content.in_block(block) for figure in content.figures(i)]
            yield from settle(pairs, ENTRIES)

    @property
    def content(self) -> Content:
        """The content pages."""
        return Content(self.pages, self.seed)

    @property
    def _levels(self) -> list[int]:
        """Numbers of index pages, from those that list content pages up to those the start page lists."""
        levels = [self.content.blocks]
        while levels[-1] > _FAN_OUT:
            levels.append(-(-levels[-1] // _FAN_OUT))
        return levels

    def _exhibit(self, url: str, asked: int) -> Answer | None:
        if (found := _HALL.fullmatch(url)) and found[1] in (halls := self._halls()):
            return _html(index_page(found[1], halls[found[1]]))
        answering = _museum(self.seed).answers.get(url) or _sitemapped(self.seed).answers.get(url)
        return answering(asked) if answering else Traps(self.seed).answer(url)

    def _halls(self) -> dict[str, list[str]]:
        return _museum(self.seed).halls | {NAME: Traps(self.seed).first}

    def _index(self, url: str) -> Answer | None:
        if url == START:
            halls = [f"{START}halls/{name}.html" for name in self._halls()] if self.exhibits else []
            top = len(self._levels) - 1
            below = [self._index_url(top, n) for n in range(self._levels[top])]
            return _html(index_page("The demo web", [*below, *halls]))
        if (found := _INDEX.fullmatch(url)) is None:
            return None
        level, n = int(found[1]), int(found[2])
        if level >= len(self._levels) or n >= self._levels[level] or url != self._index_url(level, n):
            return None
        return _html(index_page(f"Index {level}/{n}", self._below(level, n)))

    def _index_url(self, level: int, n: int) -> str:
        return f"http://dir-{n % _DIRECTORIES}.demo.test/{level}/{n}.html"

    def _below(self, level: int, n: int) -> list[str]:
        """What an index page lists: content pages at the bottom, else index pages."""
        if level == 0:
            return [self.content.url(i) for i in self.content.in_block(n)]
        last = min((n + 1) * _FAN_OUT, self._levels[level - 1])
        return [self._index_url(level - 1, child) for child in range(n * _FAN_OUT, last)]

    def _content(self, url: str) -> Answer | None:
        content = self.content
        if (i := content.page_at(url)) is not None:
            return _html(content_page(content, i, self._index_url(0, content.block_of(i))))
        figure = content.figure_at(url)
        if figure is None or figure.picture is None:
            return None
        return (
            redirect(figure.moved_to)
            if url == figure.pair.url and figure.moved_to
            else picture_answer(figure.picture)
        )

    def _robots(self, url: str) -> Answer | None:
        """Every other host has rules that forbid nothing on it; the others have none."""
        if url.endswith(".demo.test/robots.txt") and len(url) % 2:
            return text("User-agent: *\nDisallow: /admin/\nDisallow: /*?print=\n")
        return None


def _html(page: str) -> Answer:
    return Answer(body=page.encode())


@lru_cache(maxsize=4)
def _museum(seed: int) -> Museum:
    museum = Museum(seed)
    for room in (
        exhibit_habits,
        exhibit_charsets,
        exhibit_copies,
        exhibit_captions,
        exhibit_pictures,
        exhibit_failures,
        exhibit_rules,
    ):
        room.build(museum)
    exhibit_sitemap.build_seed(museum)
    return museum


@lru_cache(maxsize=4)
def _sitemapped(seed: int) -> Museum:
    museum = Museum(seed)
    exhibit_sitemap.build(museum)
    return museum


def _museum_truth(seed: int, max_depth: int, sitemaps: bool) -> Iterator[Expected]:
    museum = _museum(seed)
    yield from (expected.page(f"{START}halls/{name}.html") for name in (*museum.halls, NAME))
    yield from museum.pages
    pairs = [*museum.pairs]
    if sitemaps:
        yield from _sitemapped(seed).pages
        pairs += _sitemapped(seed).pairs
    for met in Traps(seed).truth(max_depth):
        if isinstance(met, Pair):
            pairs.append(met)
        else:
            yield met
    yield from settle(pairs, ENTRIES)
