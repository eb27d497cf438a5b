"""The order of a crawl as one number: depth first, then redirects; sitemaps between the seeds and depth 1.

0 to 5    seeds, and where they redirect to after 1 to 5 hops
8 to 11   sitemaps, by nesting
16 to 21  pages of depth 1, and where they redirect to
32 ...    depth 2, and so on
"""

from wit_builder.crawl.sitemap import MAX_NESTING

MAX_HOPS = 5  # redirects one after another; RFC 9110 section 15.4 names no number, and advises a limit
_DEPTH = 16
_SITEMAP = 8


def page_level(depth: int) -> int:
    """The level of pages linked from depth - 1; seeds have depth 0."""
    return depth * _DEPTH


def sitemap_level(nesting: int = 0) -> int:
    """The level of sitemaps that robots.txt names (0), or that an index of that nesting less one names."""
    return _SITEMAP + nesting


def depth_of(level: int) -> int:
    """Links from a seed."""
    return level // _DEPTH


def holds_sitemaps(level: int) -> bool:
    """Whether the level is one of sitemaps, not of pages."""
    return level % _DEPTH >= _SITEMAP


def next_hop(level: int) -> int | None:
    """The level of what an address of this level redirects to, or an index names; None: once too often."""
    last = _SITEMAP + MAX_NESTING if holds_sitemaps(level) else level // _DEPTH * _DEPTH + MAX_HOPS
    return level + 1 if level < last else None
