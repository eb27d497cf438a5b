"""What a list holds: how its rows are spread over hosts, and some of them drawn at random for the trial."""

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import remote
from wit_builder.errors import ConfigError
from wit_builder.lists.settings import UrlList
from wit_builder.planning.hosts import BUDGET, Hosts, Tally
from wit_builder.records import Candidate
from wit_builder.web.url import normalise

PARTS = 50  # of a long list, that are read; each is a cluster of its own
ROWS_PER_PART = 1_000_000


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was read of a list."""

    hosts: Hosts
    rows: tuple[Candidate, ...]  # a uniform sample of those with an address
    unusable: float  # the share of rows without one
    parts: int  # that were read; 0: all


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a file that are read at once."""

    url: str
    begin: int
    end: int


def draw(urls: UrlList, wanted: int, list_rows: float | None = None, seed: int = 0) -> Drawn:
    """Read the list, or 5,000,000 rows from all over it.

    list_rows: rows of the list of which these files are a random part. Raises ConfigError when the list
    cannot be read, or has no row with an address.
    """
    rng = np.random.default_rng(seed)
    every = _parts(urls)
    rows = sum(part.end - part.begin for part in every)
    some = every if rows <= BUDGET else _some(every, rng)
    tally, sample = Tally(), _Sample(wanted, rng)
    for part in some:
        tally.add(_heard(part, urls, sample))
    if tally.rows == tally.bad:
        raise ConfigError(f"no row of {', '.join(urls.files[:3])} has an http(s) address", "--url-col NAME")
    whole = list_rows or (rows if some is not every else None)
    return Drawn(
        tally.hosts(whole), sample.rows(), tally.bad / tally.rows, len(some) if some is not every else 0
    )


def _some(every: list[Part], rng: np.random.Generator) -> list[Part]:
    """Stretches of rows out of parts drawn at random, the same number of rows from each."""
    chosen = rng.choice(len(every), min(PARTS, len(every)), replace=False)
    each = BUDGET // len(chosen)
    stretches = []
    for part in (every[i] for i in sorted(chosen)):
        begin = int(rng.integers(part.begin, max(part.begin + 1, part.end - each + 1)))
        stretches.append(Part(part.url, begin, min(part.end, begin + each)))
    return stretches


def _heard(part: Part, urls: UrlList, sample: "_Sample") -> Iterator[pa.Array]:
    for addresses, captions in _read(part, urls):
        sample.add(addresses, captions)
        yield addresses


class _Sample:
    """So many rows of a stream, each as likely as any other: those with the smallest random keys."""

    def __init__(self, wanted: int, rng: np.random.Generator) -> None:
        self._wanted, self._rng = wanted, rng
        self._kept: list[tuple[float, str, str]] = []  # heap of (-key, url, caption)

    def add(self, addresses: pa.Array, captions: pa.Array) -> None:
        keys = self._rng.random(len(addresses))
        most = -self._kept[0][0] if len(self._kept) == self._wanted else 1.0
        for i in np.flatnonzero(keys < most).tolist():
            try:
                url = normalise(addresses[i].as_py() or "")
            except ValueError:
                continue
            push = heapq.heappush if len(self._kept) < self._wanted else heapq.heappushpop
            push(self._kept, (-float(keys[i]), url, captions[i].as_py() or ""))

    def rows(self) -> tuple[Candidate, ...]:
        now = datetime.now(UTC)
        return tuple(
            Candidate(f"{n:032x}", url, caption, "list", (), "", "", "", "", "", now)
            for n, (_, url, caption) in enumerate(sorted(self._kept, reverse=True))
        )


def _parts(urls: UrlList) -> list[Part]:
    parts = []
    for source in remote.expand(urls.files, (".parquet",)):
        with _parquet(source.url) as file:
            rows = file.metadata.num_rows
        parts += [
            Part(source.url, begin, min(begin + ROWS_PER_PART, rows))
            for begin in range(0, rows, ROWS_PER_PART)
        ]
    return parts


def _read(part: Part, urls: UrlList) -> Iterator[tuple[pa.Array, pa.Array]]:
    """The part's URLs and captions, some thousand rows at a time."""
    with _parquet(part.url) as file:
        names = file.schema_arrow.names
        url, caption = _named(names, urls.url_col, "url"), _named(names, urls.caption_col, "caption", "text")
        if url is None:
            raise ConfigError(
                f"{part.url} has no column of URLs; it has {', '.join(names)}", "--url-col NAME"
            )
        at = 0
        for batch in file.iter_batches(65_536, columns=[name for name in (url, caption) if name]):
            begin, end = max(part.begin - at, 0), min(part.end - at, batch.num_rows)
            at += batch.num_rows
            if begin < end:
                rows = batch.slice(begin, end - begin)
                addresses = rows.column(url).cast(pa.string())
                yield addresses, rows.column(caption).cast(pa.string()) if caption else addresses
            if at >= part.end:
                return


def _named(names: list[str], given: str | None, *known: str) -> str | None:
    return next((name for name in names if name == given or (not given and name.lower() in known)), None)


@contextmanager
def _parquet(url: str) -> Iterator[pq.ParquetFile]:
    with remote.opened(url) as raw:
        try:
            yield pq.ParquetFile(raw)
        except pa.ArrowException as error:
            raise ConfigError(f"{url} is no readable parquet file: {error}") from error
