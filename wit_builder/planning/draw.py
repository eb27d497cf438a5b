"""What a list holds: how its rows are spread over hosts, and some of them drawn at random for the trial."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from wit_builder.errors import ConfigError
from wit_builder.lists import plan as lists
from wit_builder.lists.collect import read
from wit_builder.lists.settings import UrlList
from wit_builder.lists.slices import Slice
from wit_builder.planning.hosts import BUDGET, Hosts, Tally, has_host
from wit_builder.records import Candidate
from wit_builder.text.normalize import fold
from wit_builder.web.url import normalise

PARTS = 50  # of a long list, that are read; each is a cluster of its own


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was read of a list."""

    hosts: Hosts
    rows: tuple[
        Candidate, ...
    ]  # a uniform sample of those with an address, and a caption where one is needed
    bad: int  # that were drawn besides, whose address cannot be used
    without: float  # the share of rows without an address, or a caption where one is needed
    whole: bool  # whether every row of the list was read
    parts: int  # that were read; 0: all


def draw(
    urls: UrlList, wanted: int, list_rows: float | None = None, captions: bool = False, seed: int = 0
) -> Drawn:
    """Read the list, or of a parquet one 5,000,000 rows from all over it.

    list_rows: rows of the list of which these files are a random part. captions: whether a row needs one. Raises
    ConfigError when the list cannot be read, has no row with an address, no captions, or more rows than that.
    """
    rng = np.random.default_rng(seed)
    planned = lists.plan(replace(urls, columns=()))
    if captions:
        lists.check_captions(planned)
    every = [Slice.from_json(task) for task in planned.tasks]
    whole = planned.rows is None or planned.rows <= BUDGET
    some = every if whole else list(_some(every, rng))
    tally, sample = Tally(), _Sample(wanted, rng)
    for part in some:
        tally.add(_heard(part, sample, captions))
    if tally.rows == tally.bad:
        what = "an http(s) address and a caption" if captions else "an http(s) address"
        raise ConfigError(f"no row of {', '.join(urls.files[:3])} has {what}", "--url-col NAME")
    held = tally.rows if whole else planned.rows
    if list_rows is not None and list_rows < (held or 0):
        raise ConfigError(
            f"--list-rows is {list_rows:,.0f}, but the files alone have {held:,} rows",
            "leave it out where the files are the whole list",
        )
    hosts = tally.hosts(list_rows or (None if whole else planned.rows))
    all_read = whole and list_rows in (None, tally.rows)
    parts = 0 if whole else len(some)
    return Drawn(hosts, sample.rows(), sample.bad, tally.bad / tally.rows, all_read, parts)


def _some(every: Sequence[Slice], rng: np.random.Generator) -> Iterator[Slice]:
    """Stretches of rows out of slices drawn at random, the same number of rows from each."""
    chosen = rng.choice(len(every), min(PARTS, len(every)), replace=False)
    each = BUDGET // len(chosen)
    for part in (every[i] for i in sorted(chosen)):
        assert part.end is not None
        begin = int(rng.integers(part.first, max(part.first + 1, part.end - each + 1)))
        yield replace(part, first=begin, end=min(part.end, begin + each))


def _heard(part: Slice, sample: "_Sample", captions: bool) -> Iterator[pa.Array]:
    for rows in read(part, part.first, part.end):
        addresses = [url if type(url) is str else None for url in rows.urls]
        if captions:
            pairs = zip(addresses, rows.captions, strict=True)
            addresses = [url if _speaks(caption) else None for url, caption in pairs]
        addresses += [None] * len(rows.bad)
        sample.add(addresses, rows.captions)
        yield _texts(addresses)


def _speaks(caption: Any) -> bool:
    """Whether a build finds a text in it."""
    return type(caption) is str and (caption[:1].isalnum() or bool(fold(caption)))


def _texts(found: list[str | None]) -> pa.Array:
    try:
        return pa.array(found, pa.string())
    except UnicodeEncodeError:  # half a surrogate pair
        return pa.array([url and url.encode("utf-8", "replace").decode() for url in found], pa.string())


class _Sample:
    """So many rows of a stream, each as likely as any other: those with the smallest random keys."""

    def __init__(self, wanted: int, rng: np.random.Generator) -> None:
        self._wanted, self._rng = wanted, rng
        self._kept: list[
            tuple[float, str, str]
        ] = []  # heap of (-key, url, "" where it is of no use, caption)

    def add(self, addresses: Sequence[str | None], captions: Sequence[Any]) -> None:
        keys = self._rng.random(len(addresses))
        most = -self._kept[0][0] if len(self._kept) == self._wanted else 1.0
        for i in np.flatnonzero(keys < most).tolist():
            if not has_host(address := addresses[i] or ""):
                continue
            try:
                url = normalise(address)
            except ValueError:
                url = ""
            push = heapq.heappush if len(self._kept) < self._wanted else heapq.heappushpop
            caption = captions[i] if i < len(captions) and type(captions[i]) is str else ""
            push(self._kept, (-float(keys[i]), url, caption))

    @property
    def bad(self) -> int:
        """Rows among them whose address cannot be used."""
        return sum(not url for _, url, _ in self._kept)

    def rows(self) -> tuple[Candidate, ...]:
        """The others."""
        now = datetime.now(UTC)
        return tuple(
            Candidate(f"{n:032x}", url, caption, "list", (), "", "", "", "", "", now)
            for n, (_, url, caption) in enumerate(sorted(self._kept, reverse=True))
            if url
        )
