"""Is this on a list? Asked of candidates, of addresses before they are fetched, of pictures before they are kept.

The lists of a run are read and checked once, into one file that its tasks load, each process once: 100 to 170 MB a
million entries. A PDQ hash is compared with all that are listed, exactly, in a time that grows with their number
(benchmarks/curate/forget.py); only that of the upright picture: mirrored and turned copies hash to something else.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wit_builder import mirror, storage
from wit_builder.blocklist import lists, tombstones
from wit_builder.blocklist.entries import SCHEMA, Kind, url_value
from wit_builder.blocklist.settings import Blocklist
from wit_builder.engine import columns
from wit_builder.engine.task import Task
from wit_builder.errors import Forbidden, ImageError
from wit_builder.filtering import KEPT, Filter, Verdict
from wit_builder.mirror import here
from wit_builder.records import HasUrl
from wit_builder.web.url import host_of, normalise

REASON = "blocked"

_ADDRESSES = ("url", "final_url", "page_url")  # columns that hold some
_PDQ_BYTES = 32


def prepared(root: Path, asked: Blocklist, out: Path) -> str:
    """The file in `root` of what must not be taken, as it is listed now; "" where nothing is. Raises ConfigError."""
    return write(root, gathered(asked, out))


def gathered(asked: Blocklist, out: Path) -> pa.Table:
    """The entries of all lists, and of the tombstones that are in `out` itself.

    Raises ConfigError for a list that cannot be read.
    """
    found, own = lists.read(asked), out / tombstones.NAME
    if not own.exists():
        return found
    return pa.concat_tables([found, tombstones.as_list(own.name, tombstones.read(str(own)))])


def write(root: Path, entries: pa.Table) -> str:
    """Bring them into a file in `root`, whose name is its content's; its path, "" where there are none."""
    if not entries.num_rows:
        return ""
    sink = pa.BufferOutputStream()
    pq.write_table(entries, sink, compression="zstd")
    data = sink.getvalue().to_pybytes()
    path = root / f"blocklist-{sha256(data).hexdigest()[:16]}.parquet"
    if not path.exists():
        storage.write_bytes(path, data)
    mirror.send([path])
    return str(path)


def of(task: Task) -> "Blocked":
    """What the run that this task is of refuses."""
    return _loaded(task.session["blocklist"])


class Blocked:
    """The entries of some lists, ready to be looked up. entries: with entries.SCHEMA's columns."""

    def __init__(self, entries: pa.Table) -> None:
        self._urls, self._sha256 = (_Hashes(_of_kind(entries, kind)) for kind in ("url", "sha256"))
        domains = _of_kind(entries, "domain")
        self._domains = dict(zip(*(domains.column(n).to_pylist() for n in ("value", "list")), strict=True))
        pdq = _of_kind(entries, "pdq")
        radii = pc.unique(pdq.column("radius")).to_pylist()
        self._pdq = [_Near(pdq.filter(pc.equal(pdq.column("radius"), radius)), radius) for radius in radii]

    @classmethod
    def of_tombstones(cls, stones: Sequence[tombstones.Tombstone] = ()) -> Self:
        """Those of a list of tombstones; of none, nothing is."""
        return cls(tombstones.as_list(tombstones.NAME, stones))

    def candidate(self, item: HasUrl) -> Verdict:
        """A filter: drops what has a listed address, its page's among them. Drops for: `blocked`."""
        found = self.address(item.url) or self.address(item.page_url)
        return Verdict(REASON, _evidence(*found)) if found else KEPT

    @property
    def of_candidates(self) -> tuple[Filter[HasUrl], ...]:
        """`candidate`, where it may drop any."""
        return (self.candidate,) if self._urls or self._domains else ()

    def check_address(self, url: str) -> None:
        """Raise Forbidden("blocked") for an address that must not be asked for."""
        if found := self.address(url):
            raise Forbidden(REASON, _evidence(*found))

    async def check_picture(self, sha256: str, phash: str) -> None:
        """Raise ImageError("blocked") for a picture by its bytes or its look, both in hex."""
        import asyncio  # only who fetches runs a loop

        if name := self._sha256.find(sha256):
            raise ImageError(REASON, _evidence("sha256", name, sha256))
        for near in self._pdq:  # in a thread, so that other downloads go on
            if found := await asyncio.to_thread(near.find, phash):
                raise ImageError(REASON, _evidence("pdq", *found))

    def address(self, url: str) -> tuple[Kind, str, str] | None:
        """Kind, list and value of the entry that an address falls under, None where it is on none."""
        if not (self._urls or self._domains):
            return None
        try:
            plain = normalise(url)
        except ValueError:
            return None
        if name := self._urls.find(url_value(plain)):
            return "url", name, ""
        hosts = _above(host_of(plain)) if self._domains else iter(())
        return next((("domain", self._domains[host], host) for host in hosts if host in self._domains), None)

    def kinds(self, rows: pa.Table) -> list[str]:
        """For each row the kind of the entry that it falls under, "" for none.

        rows: with any of the columns url, final_url, page_url, sha256, phash; nulls are on no list.
        """
        found = [""] * rows.num_rows
        for name in (name for name in _ADDRESSES if name in rows.column_names):
            for row, url in enumerate(rows.column(name).to_pylist()):
                if url and not found[row] and (entry := self.address(url)):
                    found[row] = entry[0]
        if "sha256" in rows.column_names and self._sha256:
            for row, digest in enumerate(rows.column("sha256").to_pylist()):
                found[row] = found[row] or ("sha256" if digest and self._sha256.find(digest) else "")
        if "phash" in rows.column_names:
            for near in self._pdq:
                for row in near.rows(rows.column("phash")):
                    found[row] = found[row] or "pdq"
        return found


@lru_cache(maxsize=2)
def _loaded(path: str) -> Blocked:
    return Blocked(pq.read_table(here(path), schema=SCHEMA) if path else SCHEMA.empty_table())


class _Hashes:
    """Values of 64 hex digits, sorted, with the list that each is in."""

    def __init__(self, entries: pa.Table) -> None:
        values = columns.fixed(entries.column("value"), 64)
        order = np.argsort(values, kind="stable")
        self._values = values[order]
        self._lists = entries.column("list").combine_chunks().dictionary_encode().take(pa.array(order))

    def __bool__(self) -> bool:
        return len(self._values) > 0

    def find(self, value: str) -> str | None:
        """The list that has it."""
        if not self:
            return None
        place = int(np.searchsorted(self._values, value.encode()))
        if place == len(self._values) or self._values[place] != value.encode():
            return None
        return str(self._lists[place])


class _Near:
    """PDQ hashes with one radius."""

    def __init__(self, entries: pa.Table, radius: int) -> None:
        import faiss  # 25 ms, which a run without such hashes need not take

        self._radius = radius
        self._one_thread = partial(faiss.omp_set_num_threads, 1)
        self._index = faiss.IndexBinaryFlat(8 * _PDQ_BYTES)
        self._index.add(_bits(entries.column("value")))
        self._lists = entries.column("list").combine_chunks().dictionary_encode()

    def find(self, phash: str) -> tuple[str, str] | None:
        """The list that has a hash within the radius, and how near the nearest is."""
        distance, place = self._nearest(np.frombuffer(bytes.fromhex(phash), np.uint8)[None])
        if distance[0] > self._radius:
            return None
        near = np.asarray(self._index.reconstruct(int(place[0])), np.uint8).tobytes().hex()
        return str(self._lists[int(place[0])]), f"{near}, {distance[0]} bits away"

    def rows(self, phash: pa.ChunkedArray) -> list[int]:
        """Which of these hashes are within the radius."""
        there = np.flatnonzero(pc.is_valid(phash).to_numpy())
        if not len(there):
            return []
        distance, _ = self._nearest(_bits(phash.drop_null()))
        return [int(row) for row in there[distance <= self._radius]]

    def _nearest(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._one_thread()  # it is a setting of the thread that asks
        distance, place = self._index.search(np.ascontiguousarray(hashes), 1)
        return distance[:, 0], place[:, 0]


def _bits(column: pa.ChunkedArray) -> np.ndarray:
    text = columns.fixed(column, 2 * _PDQ_BYTES).tobytes().decode("ascii")
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, _PDQ_BYTES)


def _of_kind(entries: pa.Table, kind: Kind) -> pa.Table:
    return entries.filter(pc.equal(entries.column("kind"), kind))


def _above(host: str) -> Iterator[str]:
    """The host and all domains that it is below: a.b.org, b.org, org."""
    host = host.rstrip(".")
    yield host
    while not host.startswith("[") and "." in host:
        host = host.partition(".")[2]
        yield host


def _evidence(kind: str, name: str, value: str) -> str:
    return f"{kind} {value} in {name}" if value else f"{kind} in {name}"
