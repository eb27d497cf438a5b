"""What of a build falls under its tombstones, and all that was said of it elsewhere.

Beyond the rows that a tombstone names: the ledger's rows of their pairs and addresses, other copies of a picture
that is forgotten by its bytes or look, and the texts that other samples took over from a pair when that was found
to be their duplicate. It is written down before anything is changed, by ids and hashes, so that a kill loses
nothing of it: what is already gone from one file is still known for the next.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import ledger, parquet, storage
from wit_builder.blocklist.blocked import Blocked
from wit_builder.blocklist.entries import text_value, url_value
from wit_builder.records import CANDIDATE_SCHEMA
from wit_builder.shards import manifest
from wit_builder.shards.sidecar import SIDECAR_SCHEMA

REASON = "forgotten"  # the ledger's for a pair that was in a shard

_BATCH = 16_384
_SIDECAR, _TEXTS = (
    pa.schema([SIDECAR_SCHEMA.field(name) for name in names])
    for names in (
        ("id", "url", "final_url", "page_url", "sha256", "phash", "caption", "status"),
        ("id", "url", "status", "alt_texts"),
    )
)
_CANDIDATE = pa.schema([CANDIDATE_SCHEMA.field(name) for name in ("id", "url", "page_url", "caption")])
_WRITTEN = pa.schema((name, pa.string()) for name in ("set", "value", "kind"))
_HEIR = re.compile(r"\b([0-9a-f]{32})\Z")  # whom a duplicate's evidence names
_ADDRESS = re.compile(r"https?://[^\s\"'<>]+")
T = TypeVar("T")

_SETS = ("pictures", "ids", "pairs", "urls", "texts", "heirs", "shards")
_COUNTS = ("candidates", "losses")


@dataclass(slots=True)
class Found:
    """Ids, and hashes of addresses and texts (blocklist.entries)."""

    samples: dict[str, str] = field(default_factory=dict)  # id to the kind of tombstone, of pairs in shards
    pictures: set[str] = field(default_factory=set)  # ids of those that are known by bytes or look
    ids: set[str] = field(default_factory=set)  # of all that goes from every file
    pairs: set[str] = field(
        default_factory=set
    )  # of candidates that a tombstone names; more may have their ids
    urls: set[str] = field(default_factory=set)  # addresses of pictures that go
    texts: set[str] = field(default_factory=set)  # captions that go
    heirs: set[str] = field(default_factory=set)  # ids of pairs that may have taken over such texts
    shards: set[str] = field(default_factory=set)  # names of those that change
    candidates: int = 0  # rows
    losses: int = 0

    def __bool__(self) -> bool:
        return bool(self.shards or self.candidates or self.losses)

    def has_url(self, url: str) -> bool:
        """Whether it is the address of a picture that goes."""
        return bool(self.urls) and _url_value(url) in self.urls


def scan(out: Path, blocked: Blocked, before: Found) -> Found:
    """What falls under these tombstones, and what an earlier run that was cut short has found."""
    found, counted = before, (before.candidates, before.losses)
    found.candidates = found.losses = 0
    _in_shards(out, blocked, found)
    while _copies(out, found):
        pass
    _in_candidates(out, blocked, found)
    _in_ledger(out, blocked, found)
    _besides(out, found)
    found.candidates, found.losses = map(
        max, counted, (found.candidates, found.losses)
    )  # some are gone already
    return found


def read(path: Path) -> Found:
    """What was written down, nothing where there is none."""
    found = Found()
    if path.exists():
        for kind, value, more in zip(*parquet.table(path, _WRITTEN).to_pydict().values(), strict=True):
            if kind == "samples":
                found.samples[value] = more
            elif kind in _COUNTS:
                setattr(found, kind, int(value))
            else:
                getattr(found, kind).add(value)
    return found


def write(path: Path, found: Found) -> None:
    """Write it down, whole or absent."""
    rows = [("samples", id_, kind) for id_, kind in sorted(found.samples.items())]
    rows += [(name, value, "") for name in _SETS for value in sorted(getattr(found, name))]
    rows += [(name, str(getattr(found, name)), "") for name in _COUNTS]
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    with storage.whole(path) as temporary:
        pq.write_table(pa.table(columns, schema=_WRITTEN), temporary, compression="zstd")


def candidate_goes(rows: pa.Table, blocked: Blocked, found: Found) -> list[bool]:
    """For each candidate."""
    ids, urls = (rows.column(name).to_pylist() for name in ("id", "url"))
    named = blocked.kinds(rows.select(["url", "page_url"]))
    return [
        bool(kind) or id_ in found.ids or found.has_url(url)
        for kind, id_, url in zip(named, ids, urls, strict=True)
    ]


def loss_goes(rows: pa.Table, blocked: Blocked, found: Found) -> list[bool]:
    """For each row of the ledger."""
    columns = (rows.column(name).to_pylist() for name in ("id", "url", "evidence", "reason"))
    return [
        bool(url or said)
        and reason != REASON
        and (
            id_ in found.ids
            or id_ in found.pairs
            or found.has_url(url)
            or blocked.address(url) is not None
            or any(_is_blocked(address, blocked, found) for address in _ADDRESS.findall(said))
        )
        for id_, url, said, reason in zip(*columns, strict=True)
    ]


def row_goes(rows: pa.Table, blocked: Blocked, found: Found) -> list[bool]:
    """For each row of a sidecar: a pair that a tombstone names, or a failure of what goes."""
    kinds = blocked.kinds(rows)
    columns = (rows.column(name).to_pylist() for name in ("id", "url", "status"))
    return [
        bool(kind) or (status != "success" and (id_ in found.ids or found.has_url(url)))
        for kind, id_, url, status in zip(kinds, *columns, strict=True)
    ]


def inherited(rows: pa.Table, found: Found) -> dict[int, list[dict[str, str]]]:
    """Row numbers of pairs that have taken over texts that go, with the alt_texts that they keep."""
    if not (found.heirs and found.texts):
        return {}
    changed = {}
    for row, id_ in enumerate(rows.column("id").to_pylist()):
        if id_ in found.heirs:
            texts = rows.column("alt_texts")[row].as_py() or []
            stay = [text for text in texts if text_value(text["text"]) not in found.texts]
            if len(stay) < len(texts):
                changed[row] = stay
    return changed


def _in_shards(out: Path, blocked: Blocked, found: Found) -> None:
    for stem, rows in _sidecars(out, _SIDECAR):
        for kind, row in _chosen(rows, blocked.kinds(rows)):
            found.shards.add(stem)
            found.ids.add(row["id"])
            found.urls.update(_url_value(row[name]) for name in ("url", "final_url") if row[name])
            found.texts.add(text_value(row["caption"]))
            if row["status"] == "success":
                found.samples[row["id"]] = kind
                if kind in ("sha256", "pdq"):
                    found.pictures.add(row["id"])


def _copies(out: Path, found: Found) -> bool:
    """Takes in what the ledger calls a copy of a forgotten picture; whether there were new ones."""
    before = len(found.pictures)
    if not before:
        return False
    for rows in ledger.read(out, "clean"):
        heirs = [_heir(said) for said in rows.column("evidence").to_pylist()]
        for _, row in _chosen(rows, [heir in found.pictures for heir in heirs]):
            for ids in (found.pictures, found.ids):
                ids.add(row["id"])
            found.urls.add(_url_value(row["url"]))
    return len(found.pictures) > before


def _in_candidates(out: Path, blocked: Blocked, found: Found) -> None:
    for path in sorted((out / "candidates").glob("part-*.parquet")):
        for rows in parquet.batches(path, _CANDIDATE, _BATCH):
            for _, row in _chosen(rows, candidate_goes(rows, blocked, found)):
                found.pairs.add(row["id"])
                found.texts.add(text_value(row["caption"]))
                found.candidates += 1


def _in_ledger(out: Path, blocked: Blocked, found: Found) -> None:
    for stage in ledger.STAGES:
        for rows in ledger.read(out, stage):
            for _, row in _chosen(rows, loss_goes(rows, blocked, found)):
                found.losses += 1
                if heir := _heir(row["evidence"]):
                    found.heirs.add(heir)


def _besides(out: Path, found: Found) -> None:
    """Shards that change although no pair goes from them."""
    nobody = Blocked.of_tombstones()
    for stem, rows in _sidecars(out, _TEXTS):
        if any(row_goes(rows, nobody, found)) or inherited(rows, found):
            found.shards.add(stem)


def _sidecars(out: Path, columns: pa.Schema) -> Iterator[tuple[str, pa.Table]]:
    for info in manifest.read_manifest(out):
        for rows in parquet.batches(out / "shards" / info.sidecar, columns, _BATCH):
            yield Path(info.file).stem, rows


def _chosen(rows: pa.Table, said: Iterable[T]) -> Iterator[tuple[T, dict[str, str]]]:
    """The rows of which something is said, as records."""
    for number, what in enumerate(said):
        if what:
            yield what, {name: rows.column(name)[number].as_py() for name in rows.column_names}


def _heir(evidence: str) -> str | None:
    named = _HEIR.search(evidence)
    return named[1] if named else None


def _is_blocked(url: str, blocked: Blocked, found: Found) -> bool:
    return found.has_url(url) or blocked.address(url) is not None


def _url_value(url: str) -> str:
    try:
        return url_value(url)
    except ValueError:
        return text_value(url)
