"""What a build must make of the demo web: what becomes of each page and each pair, by the written rules.

`settle` applies the rules of queries and duplicates to the pairs of one group of pages. Duplicates never reach
beyond their group (25 content pages, or the exhibits), so all this is made group by group, for a million pages
too. `balanced` then looks at all that is kept.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import xxhash

from wit_builder.demo_web.queries import held
from wit_builder.records import candidate_id

# Where a caption may stand, strongest first: the order in which duplicates are preferred.
SOURCES = (
    "alt",
    "figcaption",
    "aria-label",
    "aria-labelledby",
    "title",
    "og:image:alt",
    "twitter:image:alt",
    "json-ld",
)
PLACEHOLDER_CAPTIONS = 10  # one picture under so many captions shows none of them

Stage = Literal["pages", "extract", "select", "fetch", "clean"]


@dataclass(frozen=True, slots=True)
class Expected:
    """One row of the truth. A pair that stands on three pages has three rows, of which one may be kept."""

    kind: Literal["page", "pair"]
    url: str  # normalised
    caption: str  # as extraction must give it; "" for pages and for images without a text
    stage: Stage  # that dropped it; of what is kept the last one: "pages" or "clean"
    reason: str | None  # of the spec's list; None: kept
    transform: str = ""  # how the picture was made of another one that is on the web; "" where it was not


@dataclass(frozen=True, slots=True)
class Pair:
    """One image reference of a page, and what is known of its picture."""

    url: str
    caption: str
    source: str = "alt"  # of SOURCES
    lost: tuple[Stage, str] | None = None  # (stage, reason), where no other pair has a part in it
    image: str = ""  # pairs with the same name here have the same bytes; "": nothing else has them
    look: str = ""  # pairs with the same name here are near-duplicates; "": of nothing
    area: int = 0  # pixels of the original
    transform: str = ""


def page(url: str, reason: str | None = None) -> Expected:
    """What becomes of a page."""
    return Expected("page", url, "", "pages", reason)


def balanced(found: Sequence[Expected], entries: Sequence[str], per_query: int) -> list[Expected]:
    """What is left when each entry brings in only so many of the kept pairs: those whose hashes are smallest."""
    members: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for n, item in enumerate(found):
        if item.kind == "pair" and item.reason is None:
            hashed = xxhash.xxh3_64_intdigest(f"0/{candidate_id(item.url, item.caption)}".encode())
            for entry in held(item.caption, entries):
                members[entry].append((hashed, n))
    full = {n for pairs in members.values() for _, n in pairs}
    full -= {n for pairs in members.values() for _, n in sorted(pairs)[:per_query]}
    return [replace(item, reason="query_full") if n in full else item for n, item in enumerate(found)]


def settle(pairs: Sequence[Pair], entries: Sequence[str] | None = None) -> list[Expected]:
    """What becomes of these pairs, in their order; nothing outside them duplicates one of them.

    entries: queries, one of which a caption must hold; None: it need not.
    """
    pairs = [pair if entries is None else _asked_for(pair, entries) for pair in pairs]
    fate: list[tuple[Stage, str | None]] = [pair.lost or ("clean", None) for pair in pairs]
    alive = [n for n, pair in enumerate(pairs) if pair.lost is None or pair.lost[0] in ("fetch", "clean")]

    def drop_behind_best(
        numbers: Iterable[int], key: Callable[[Pair], Hashable], stage: Stage, reason: str
    ) -> list[int]:
        """One of each group stays, the strongest by `_strength` for that stage; the others get the reason."""
        kept = []
        for group in _grouped(pairs, numbers, key):
            best = min(group, key=lambda n: _strength(pairs[n], stage))
            kept.append(best)
            for n in group:
                if n != best:
                    fate[n] = (stage, reason)
        return kept

    alive = drop_behind_best(alive, lambda pair: (pair.url, pair.caption), "select", "duplicate_pair")
    alive = drop_behind_best(alive, lambda pair: pair.url, "select", "duplicate_url")
    alive = [n for n in alive if pairs[n].lost is None]
    pictured = []
    for group in _grouped(pairs, alive, lambda pair: pair.image or candidate_id(pair.url, pair.caption)):
        if len({pairs[n].caption for n in group}) >= PLACEHOLDER_CAPTIONS:
            for n in group:
                fate[n] = ("clean", "placeholder")
        else:
            pictured += drop_behind_best(group, lambda _: 0, "clean", "duplicate_image")
    drop_behind_best(
        pictured, lambda pair: pair.look or candidate_id(pair.url, pair.caption), "clean", "near_duplicate"
    )
    return [
        Expected("pair", pair.url, pair.caption, stage, reason, pair.transform)
        for pair, (stage, reason) in zip(pairs, fate, strict=True)
    ]


def _asked_for(pair: Pair, entries: Sequence[str]) -> Pair:
    """The pair, lost where nothing before the download has dropped it and it holds none of the entries."""
    gone = (pair.lost is not None and pair.lost[0] not in ("fetch", "clean")) or held(pair.caption, entries)
    return pair if gone else replace(pair, lost=("select", "no_query"))


def _grouped(
    pairs: Sequence[Pair], numbers: Iterable[int], key: Callable[[Pair], Hashable]
) -> Iterable[list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for n in numbers:
        groups[key(pairs[n])].append(n)
    return groups.values()


def _strength(pair: Pair, stage: Stage) -> tuple[int, int, str]:
    """Smallest stays: of images the largest original, then the strongest text, then the smallest id."""
    area = -pair.area if stage == "clean" else 0
    return area, SOURCES.index(pair.source), candidate_id(pair.url, pair.caption)
