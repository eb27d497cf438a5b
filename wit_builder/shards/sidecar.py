"""What is written about each pair: its JSON member and its row of the sidecar parquet.

img2dataset's columns come first, in its order and types; ours are appended, which its readers ignore.
`found_at` and `fetched_at` stand in the sidecar only: they differ between two runs over the same web, and in
the JSON they would make the bytes of the tars differ too.

exif is null: it can hold places and names of people, and no reader needs it.

A failure has no key, for it takes no number in the tar. Its error_message is img2dataset's own sentence where
that has a fixed one for the case (`IN_ITS_WORDS`, and `HTTP Error 404: Not Found` for http_404), else
`reason: evidence` of the ledger. `status_dict` counts the same messages without the evidence, so that it
stays as short as the list of reasons.
"""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import pyarrow as pa

from wit_builder.records import CANDIDATE_SCHEMA, SAMPLE_SCHEMA, UTC_MICROSECONDS, Failure, Sample, Text

FORMATS = ("jpg", "png", "webp")  # of images, by their extension in the tar
SUCCESS, FAILED_TO_DOWNLOAD, FAILED_TO_RESIZE = "success", "failed_to_download", "failed_to_resize"

IMAGE_REASONS = frozenset(
    {"not_image", "decode_error", "too_many_pixels", "unsupported_format", "image_timeout", "image_crash"}
)  # what img2dataset calls failed_to_resize

IN_ITS_WORDS = {
    "dns": "<urlopen error [Errno -2] Name or service not known>",
    "timeout": "<urlopen error timed out>",
    "opt_out_x_robots_tag": "Use of image disallowed by X-Robots-Tag directive",
    "decode_error": "Image decoding error",
    "too_many_pixels": "image area too large",
}

_STRING, _INT = pa.string(), pa.int32()
_TYPES: dict[str, pa.DataType] = {
    "caption": _STRING,
    "url": _STRING,
    "key": _STRING,
    "status": _STRING,
    "error_message": _STRING,
    "width": _INT,
    "height": _INT,
    "original_width": _INT,
    "original_height": _INT,
    "exif": _STRING,
    "sha256": _STRING,
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
    "queries": pa.list_(_STRING),
    "phash": _STRING,
    "phash_quality": _INT,
    "licence": _STRING,
    "opt_out": _STRING,
    "source": _STRING,
    "id": _STRING,
    "original_bytes": pa.int64(),
}
_TIMES = {"found_at": UTC_MICROSECONDS, "fetched_at": UTC_MICROSECONDS}


def _field(name: str, kind: pa.DataType) -> pa.Field:
    known = SAMPLE_SCHEMA.field(name).metadata if name in SAMPLE_SCHEMA.names else None
    return pa.field(name, kind, metadata=known)


SIDECAR_SCHEMA = pa.schema([_field(name, kind) for name, kind in (_TYPES | _TIMES).items()])
_FROM_SAMPLE = [name for name in _TYPES if name in SAMPLE_SCHEMA.names]
_FROM_CANDIDATE = [name for name in _TYPES if name in CANDIDATE_SCHEMA.names]


def meta_of(sample: Sample, key: str) -> dict[str, Any]:
    """The JSON member's fields, in their order.

    A half surrogate pair, which UTF-8 cannot hold, becomes "?"; a number that JSON cannot hold becomes null.
    """
    meta: dict[str, Any] = dict.fromkeys(_TYPES)
    for name in _FROM_SAMPLE:
        meta[name] = _plain(getattr(sample, name))
    meta["key"] = key
    meta["status"] = SUCCESS
    return meta


def row_of(failure: Failure) -> dict[str, Any]:
    """The sidecar's row for a failure."""
    row: dict[str, Any] = dict.fromkeys(_TYPES)
    for name in _FROM_CANDIDATE:
        row[name] = _plain(getattr(failure.candidate, name))
    row["status"] = FAILED_TO_RESIZE if failure.reason in IMAGE_REASONS else FAILED_TO_DOWNLOAD
    row["error_message"] = _plain(_message(failure, failure.evidence))
    row["http_status"] = _http_status(failure.reason)
    return row | {"found_at": failure.candidate.found_at, "fetched_at": failure.at}


def status_of(failure: Failure) -> str:
    """The key of the failure in `status_dict`: its message without the evidence."""
    return _message(failure, "")


def json_of(meta: Mapping[str, Any]) -> bytes:
    """The JSON member, as img2dataset writes it: ASCII, indented by 4."""
    return json.dumps(meta, indent=4).encode("ascii")


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows as the sidecar's table."""
    columns = [pa.array([row[field.name] for row in rows], type=field.type) for field in SIDECAR_SCHEMA]
    return pa.table(columns, schema=SIDECAR_SCHEMA)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Text):
        return {"text": _plain(value.text), "source": _plain(value.source)}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _message(failure: Failure, evidence: str) -> str:
    status = _http_status(failure.reason)
    if status is not None:
        return f"HTTP Error {status}: {_PHRASES.get(status, 'Unknown')}"  # str() of urllib's HTTPError
    fixed = IN_ITS_WORDS.get(failure.reason)
    if fixed is not None:
        return fixed
    return f"{failure.reason}: {evidence}" if evidence else failure.reason


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def _http_status(reason: str) -> int | None:
    digits = reason.removeprefix("http_")
    return int(digits) if digits != reason and digits.isdecimal() and len(digits) == 3 else None
