"""Which fields are written of each pair, in which order and type.

A list's own columns come first, then img2dataset's in its order and types (its version 1.47), then ours, which
its readers ignore. Some stand in the sidecar only: times differ between two runs over the same web, and would
make the bytes of the tars differ too; a reason is had by failures alone.
"""

import base64
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import pyarrow as pa

from wit_builder.records import CANDIDATE_SCHEMA, SAMPLE_SCHEMA, UTC_MICROSECONDS

Hash = Literal["md5", "sha256", "sha512"]

_STRING, _INT = pa.string(), pa.int32()
_PAIR = {"url": _STRING, "key": _STRING, "status": _STRING, "error_message": _STRING}
_SIZES = {"width": _INT, "height": _INT, "original_width": _INT, "original_height": _INT}
_OURS: dict[str, pa.DataType] = {
    "final_url": _STRING,
    "http_status": _INT,
    "content_type": _STRING,
    "page_url": _STRING,
    "page_title": _STRING,
    "page_lang": _STRING,
    "text_source": _STRING,
    "alt_texts": CANDIDATE_SCHEMA.field("alt_texts").type,
    "lang": _STRING,
    "lang_score": pa.float64(),
    "queries": CANDIDATE_SCHEMA.field("queries").type,
    "query_spans": CANDIDATE_SCHEMA.field("query_spans").type,
    "phash": _STRING,
    "phash_quality": _INT,
    "hash_check": _STRING,
    "licence": _STRING,
    "opt_out": _STRING,
    "source": _STRING,
    "id": _STRING,
    "original_bytes": pa.int64(),
    "original_format": _STRING,
    "animated": pa.bool_(),
    "alpha": pa.bool_(),
    "scores": SAMPLE_SCHEMA.field("scores").type,
}
_ASIDE = {"found_at": UTC_MICROSECONDS, "fetched_at": UTC_MICROSECONDS, "reason": _STRING}

OF_BUILDS = tuple(name for name in _OURS if name != "hash_check")
AS_LISTED = (
    "\0url"  # in a row's `extra`: the address as its list has it, where that is not how it is asked for
)
OF_IMG2DATASET = frozenset({"caption", *_PAIR, *_SIZES, "exif", "md5", "sha256", "sha512"})
RESERVED = OF_IMG2DATASET.union(_OURS, _ASIDE)


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of a shard's pairs."""

    carried: str = ""  # types of the list's other columns, as `carry` writes them; "" where there are none
    caption: bool = True
    exif: bool = True  # null in any case: it can hold places and names of people
    hash: Hash | None = "sha256"  # of the bytes as fetched
    format: Literal["jpg", "png", "webp"] = "jpg"  # of the images: the column that holds them, where one does
    ours: tuple[str, ...] = OF_BUILDS

    def fields(self) -> pa.Schema:
        """Of the JSON member."""
        return _fields(self)

    def columns(self) -> pa.Schema:
        """Of the sidecar."""
        return _columns(self)


def carry(columns: pa.Schema) -> str:
    """The names and types as a text, for `Layout.carried`."""
    return base64.b64encode(columns.serialize()).decode() if columns.names else ""


@lru_cache
def carried(text: str) -> pa.Schema:
    """What `carry` made a text of."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text))) if text else pa.schema([])


@lru_cache
def _fields(layout: Layout) -> pa.Schema:
    kinds = {"caption": _STRING} if layout.caption else {}
    kinds |= _PAIR | _SIZES
    kinds |= {"exif": _STRING} if layout.exif else {}
    kinds |= {layout.hash: _STRING} if layout.hash else {}
    kinds |= {name: _OURS[name] for name in layout.ours}
    return pa.schema([*carried(layout.carried), *(_field(name, kind) for name, kind in kinds.items())])


@lru_cache
def _columns(layout: Layout) -> pa.Schema:
    return pa.schema([*_fields(layout), *(_field(name, kind) for name, kind in _ASIDE.items())])


def _field(name: str, kind: pa.DataType) -> pa.Field:
    known = SAMPLE_SCHEMA.field(name).metadata if name in SAMPLE_SCHEMA.names else None
    return pa.field(name, kind, metadata=known)
