"""What a folder still says of a pair, in any of its files."""

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from wit_builder import publish
from wit_builder.blocklist import tombstones
from wit_builder.ledger import Funnel
from wit_builder.shards import manifest


def rows(out: Path) -> list[dict]:
    """Of all sidecars."""
    return [row for path in sorted(out.glob("shards/*.parquet")) for row in pq.read_table(path).to_pylist()]


def pairs(out: Path) -> dict[str, dict]:
    """The samples' rows, by key."""
    return {row["key"]: row for row in rows(out) if row["status"] == "success"}


def texts(out: Path) -> Iterator[tuple[str, str]]:
    """Name and content of every file but the tombstones, hidden ones too, parquet and gzip unpacked."""
    for path in sorted(path for path in out.rglob("*") if path.is_file() and path.name != tombstones.NAME):
        data = path.read_bytes()
        if path.suffix == ".parquet":
            data = repr(pq.read_table(io.BytesIO(data)).to_pydict()).encode()
        elif path.suffix == ".gz":
            data = gzip.decompress(data)
        yield path.relative_to(out).as_posix(), data.decode("utf-8", "replace")


def mentions(out: Path, *words: str) -> list[tuple[str, str]]:
    """(file, word) of each word that still stands in a file."""
    return [(name, word) for name, text in texts(out) for word in words if word in text]


def check(out: Path) -> Funnel:
    """The funnel of a build where everything adds up and every byte is as the manifest says."""
    funnel = publish.recounted(out)
    assert funnel == Funnel.from_json(json.loads((out / "funnel.json").read_text()))
    publish.check(out, funnel)
    manifest.verify(out)
    assert not (out / publish.FORGETTING).exists()
    return funnel
