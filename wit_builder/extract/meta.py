"""What the head of a page says: images it shows elsewhere (og, twitter), and whether it opts out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from wit_builder.extract.address import Attributes
from wit_builder.web.optout import meta_directives, refused, tdm_reserved
from wit_builder.web.settings import OptOut


@dataclass(frozen=True, slots=True)
class PageWishes:
    """What the page's owner asks of us."""

    reason: str  # why its images are left alone, "" where they need not be
    evidence: str
    nofollow: bool  # its links are not to be followed


NO_WISHES = PageWishes("", "", False)


@dataclass(slots=True)
class SharedImage:
    """The image that a page wants shown where it is shared."""

    position: int  # of its meta tag among the nodes of the page
    kind: str  # og:image or twitter:image
    url: str  # as written
    texts: list[tuple[str, str]]  # (source, text)


def wishes(
    metas: Iterable[Attributes],
    directives: frozenset[str],
    tdm_header: str | None,
    policy: OptOut,
    agent: str,
) -> PageWishes:
    """Whether the page opts its images out, by header or meta tag, and its links.

    directives: of the X-Robots-Tag header. tdm_header: value of tdm-reservation, which the meta tag outranks.
    Robots are spoken to as "robots" and by our `agent`; what is said to other names is not for us.
    """
    addressed = {"robots", agent.lower(), "tdm-reservation"}
    named = [
        (word, meta.get("content") or "")
        for meta in metas
        if (name := meta.get("name")) and (word := name.strip().lower()) in addressed
    ]
    if not named and not directives and tdm_header is None:
        return NO_WISHES
    said = _directives(tuple(named), agent)
    nofollow = not said.union(directives).isdisjoint(("nofollow", "none"))
    if directive := refused(directives, policy):
        return PageWishes("opt_out_x_robots_tag", f"X-Robots-Tag of the page: {directive}", nofollow)
    if directive := refused(said, policy):
        return PageWishes("opt_out_meta_robots", f"meta robots: {directive}", nofollow)
    reservations = [content for name, content in named if name == "tdm-reservation"]
    if policy.tdmrep and (reservations or tdm_header is not None):
        meta = ",".join(reservations) if reservations else None
        if tdm_reserved(None, "/", tdm_header, meta):
            where = "meta" if meta is not None else "header of the page"
            return PageWishes("opt_out_tdmrep", f"tdm-reservation: 1 ({where})", nofollow)
    return PageWishes("", "", nofollow)


def shared_images(metas: Sequence[tuple[int, Attributes]]) -> list[SharedImage]:
    """The og:image and twitter:image tags in their order, each with the alt that belongs to it.

    metas: (position, attributes). An alt belongs to the image before it, or to the first where none is before
    it. og:image:url and og:image:secure_url say the address of the og:image before them once more.
    """
    named = [
        (position, name, meta.get("content") or "")
        for position, meta in metas
        if (name := (meta.get("property") or meta.get("name") or "").strip().lower()) in SHARED_NAMES
    ]
    found = [image for family in _FAMILIES for image in _of_family(named, family)] if named else []
    return sorted(found, key=lambda image: image.position)


def _directives(named: tuple[tuple[str, str], ...], agent: str) -> frozenset[str]:
    if sum(len(content) for _, content in named) > _MAX_KNOWN:
        return meta_directives(named, agent)
    return _known_directives(named, agent)


_MAX_KNOWN = 200  # characters of directives that are remembered: a site says the same on every page


@lru_cache(maxsize=1024)
def _known_directives(named: tuple[tuple[str, str], ...], agent: str) -> frozenset[str]:
    return meta_directives(named, agent)


@dataclass(frozen=True, slots=True)
class _Family:
    name: str  # of the tag that begins an image
    again: tuple[str, ...]  # of those that may say its address again
    alt: str  # name of the tag, and of the source of the text


_FAMILIES = (
    _Family("og:image", ("og:image:url", "og:image:secure_url"), "og:image:alt"),
    _Family("twitter:image", ("twitter:image:src",), "twitter:image:alt"),
)


SHARED_NAMES = frozenset(name for family in _FAMILIES for name in (family.name, *family.again, family.alt))


def _of_family(named: Sequence[tuple[int, str, str]], family: _Family) -> list[SharedImage]:
    images: list[SharedImage] = []
    early: list[tuple[str, str]] = []
    for position, name, content in named:
        if not content:
            continue
        if name == family.name or (name in family.again and not images):
            images.append(SharedImage(position, family.name, content, early))
            early = []
        elif name == family.alt:
            (images[-1].texts if images else early).append((family.alt, content))
    return images
