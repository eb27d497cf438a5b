"""How a list's rows are spread over hosts: politeness is a matter of the heaviest, robots.txt of their number.

A list of at most `BUDGET` rows is counted whole. Of a longer one a uniform sample of its parts (row groups) is
read. A host's rows then are its share of the sample, times the list. The number of hosts grows with the list
and has no sure estimate: it lies between Chao's lower bound (Chao et al. 2014, Ecological Monographs 84,
equation 12) and Heaps' law with the slope of the sample's last doubling, and is taken as their geometric mean.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from wit_builder.planning.rates import Interval, Z
from wit_builder.web.url import registrable_domain

BUDGET = 5_000_000  # rows read: 10 s
HEAVY = 50_000  # hosts told apart
SURE = 10  # rows in a sample: from here on a host's share is worth scaling
_FOLD = 1_000_000  # rows of partial counts that are held before they are added up
_WATCHED = 100  # of each part's hosts, whose shares are compared between parts

# Up to a host that holds what no host may, a blank or a bracket (URL standard 3.2), no address is told apart.
_HOST = r"(?is)^\s*https?://(?:[^/?#]*@)?(?P<host>\[[0-9a-f:.]*\]|[^\x00-\x08\x0b\x0c\x0e-\x20/?#:<>@\[\\\]^|\x7f]+)(?:[/?#:\\]|\s*$)"
_COUNTS = pa.schema([("host", pa.string()), ("n", pa.int64())])

Array = np.ndarray[Any, np.dtype[np.float64]]
Hashes = np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(frozen=True, slots=True, eq=False)
class Hosts:
    """The rows of a list by host; counts are fractions where they are estimates."""

    rows: float  # of the list
    counted: int  # rows that were read for this
    names: tuple[str, ...]  # of the heaviest hosts
    counts: Array  # their rows, falling
    domains: Hashes  # of each one's registrable domain, as builds bin them (shuffle.partition_of)
    rest_hosts: float  # all the others
    rest_rows: float
    number: Interval  # of hosts
    error: float  # of the heaviest one's count, relative, 95 %

    def scaled(self, rows: float) -> "Hosts":
        """A random part of the list with so many rows."""
        share = min(1.0, rows / self.rows)
        return self._with(
            share * self.counts, touched(self.rest_hosts, self.rest_rows, share), share * self.rest_rows
        )

    def capped(self, most: float) -> "Hosts":
        """The list with at most so many rows of each host."""
        rest = min(self.rest_rows, most * self.rest_hosts)
        return self._with(np.minimum(self.counts, most), self.rest_hosts, rest)

    def without(self, heaviest: int) -> "Hosts":
        """The list without its heaviest hosts."""
        return Hosts(
            self.rows - float(self.counts[:heaviest].sum()),
            self.counted,
            self.names[heaviest:],
            self.counts[heaviest:],
            self.domains[heaviest:],
            self.rest_hosts,
            self.rest_rows,
            self.number,
            self.error,
        )

    def _with(self, counts: Array, rest_hosts: float, rest_rows: float) -> "Hosts":
        rows = float(counts.sum()) + rest_rows
        number = float(np.minimum(counts, 1.0).sum()) + rest_hosts
        relative = number / self.number.value if self.number.value else 0.0
        return Hosts(
            rows,
            self.counted,
            self.names,
            counts,
            self.domains,
            rest_hosts,
            rest_rows,
            self.number * relative,
            self.error,
        )


class Tally:
    """Counts the hosts of rows as they are read; memory grows with the different hosts alone."""

    def __init__(self) -> None:
        self.rows = 0
        self.bad = 0  # that have no http(s) address
        self._counts = _Sum()
        self._shares: list[tuple[int, dict[str, int]]] = []  # of each part: rows, its most frequent hosts

    def add(self, part: Iterable[pa.Array]) -> None:
        """The URLs of one part, drawn independently of the others."""
        counts, rows = _Sum(), 0
        for urls in part:
            hosts = host_array(urls)
            rows += len(hosts)
            self.bad += hosts.null_count
            found = pc.value_counts(hosts.drop_null())
            counts.add(pa.table([found.field("values"), found.field("counts")], schema=_COUNTS))
        table = counts.result()
        top = table.take(pc.select_k_unstable(table, k=_WATCHED, sort_keys=[("n", "descending")]))
        self._shares.append((rows, dict(zip(top["host"].to_pylist(), top["n"].to_pylist(), strict=True))))
        self._counts.add(table)
        self.rows += rows

    def hosts(self, rows: float | None = None) -> Hosts:
        """The list that this was a part of, with so many rows; without `rows` it was the whole."""
        table = self._counts.result()
        heavy = table.take(pc.select_k_unstable(table, k=HEAVY, sort_keys=[("n", "descending")]))
        heavy = heavy.sort_by([("n", "descending"), ("host", "ascending")])
        counts = heavy["n"].to_numpy().astype(np.float64)
        number = distinct(table["n"].to_numpy(), self.rows, rows or self.rows)
        factor = 1.0
        if rows is not None and rows > self.rows:
            factor = rows / self.rows
            sure = min(SURE, max(2.0, counts.max(initial=0.0)))  # of a small sample what there is
            counts = counts[: np.searchsorted(-counts, -sure, side="right")]
        names = tuple(heavy["host"].to_pylist()[: len(counts)])
        usable = (self.rows - self.bad) * factor
        counts = counts * factor
        return Hosts(
            rows=usable,
            counted=self.rows,
            names=names,
            counts=counts,
            domains=hashed_domains(names),
            rest_hosts=max(0.0, number.value - len(names)),
            rest_rows=max(0.0, usable - float(counts.sum())),
            number=number,
            error=self._error(names[0], float(heavy["n"][0].as_py())) if names and factor > 1 else 0.0,
        )

    def _error(self, host: str, count: float) -> float:
        """95 % error of the host's count, relative, from how its share differs between parts.

        It is never below that of rows drawn one by one. What it has in parts where others are heavier is taken to be
        as much in each row of them.
        """
        rows = np.array([n for n, _ in self._shares], dtype=np.float64)
        hits = np.array([top.get(host, 0) for _, top in self._shares], dtype=np.float64)
        share = count / rows.sum()
        least = float(Z * math.sqrt((1 - share) / count))
        if len(rows) < 2:
            return least
        unwatched = np.where(hits == 0, rows, 0.0)
        hits += unwatched * (count - hits.sum()) / max(1.0, unwatched.sum())
        residuals = hits - share * rows  # ratio estimator: Cochran, Sampling Techniques, 1977, section 6.3
        return max(least, float(Z * residuals.std(ddof=1) / rows.mean() / math.sqrt(len(rows)) / share))


def host_array(urls: pa.Array) -> pa.Array:
    """The host of each URL, lower case; null where there is none."""
    found = pc.struct_field(pc.extract_regex(urls.cast(pa.string()), _HOST), "host")
    return pc.utf8_lower(found)


def has_host(url: str) -> bool:
    """Whether `host_array` finds one."""
    return re.match(_HOST, url, re.ASCII) is not None


def distinct(counts: np.ndarray[Any, Any], counted: int, rows: float) -> Interval:
    """How many hosts a list of `rows` has, of which `counted` rows drawn at random have these counts."""
    seen = float(len(counts))
    more = rows - counted
    if more <= 0 or not seen:
        return Interval(seen, seen, seen)
    once, twice = float((counts == 1).sum()), float((counts == 2).sum())
    unseen = once * once / (2 * twice) if twice else once * (once - 1) / 2  # Chao 1984
    low = seen - unseen * math.expm1(-more * once / (counted * unseen)) if unseen else seen
    half = float((1 - 0.5 ** counts.astype(np.float64)).sum())  # expected in every other row
    high = min(seen + more, seen * (rows / counted) ** math.log2(seen / half))
    high = max(low, high)
    return Interval(math.sqrt(low * high), low, high)


class _Sum:
    """Adds up tables of (host, n)."""

    def __init__(self) -> None:
        self._tables = [_COUNTS.empty_table()]
        self._held = 0

    def add(self, table: pa.Table) -> None:
        self._tables.append(table)
        self._held += table.num_rows
        if self._held > _FOLD:
            self.result()

    def result(self) -> pa.Table:
        summed = pa.concat_tables(self._tables).group_by("host").aggregate([("n", "sum")])
        self._tables = [summed.rename_columns(["host", "n"]).combine_chunks()]
        self._held = 0
        return self._tables[0]


def hashed_domains(hosts: Sequence[str]) -> Hashes:
    """The hash of each host's registrable domain by which a build sends it to a bin."""
    domains = (registrable_domain(host) for host in hosts)
    return np.fromiter((xxhash.xxh3_64_intdigest(name.encode()) for name in domains), np.uint64, len(hosts))


def touched(hosts: float, rows: float, share: float) -> float:
    """How many of these hosts have a row in such a share of their rows."""
    return -hosts * math.expm1(-share * rows / hosts) if hosts and share < 1 else hosts
