"""What is written about each pair: its JSON member and its row of the sidecar parquet.

A failure's error_message is img2dataset's own sentence where that has a fixed one for the case (`IN_ITS_WORDS`,
and `HTTP Error 404: Not Found` for http_404), else `reason: evidence` of the ledger. `status_dict` counts the
same messages without the evidence, so that it stays as short as the list of reasons.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson
import pyarrow as pa

from wit_builder.records import CANDIDATE_SCHEMA, SAMPLE_SCHEMA, Candidate, Failure, Sample, Span, Text
from wit_builder.shards.layout import AS_LISTED, Layout, carried

FORMATS = ("jpg", "png", "webp")  # of images, by their extension in the tar
SUCCESS, FAILED_TO_DOWNLOAD, FAILED_TO_RESIZE = "success", "failed_to_download", "failed_to_resize"

IMAGE_REASONS = frozenset(
    {"not_image", "decode_error", "too_many_pixels", "unsupported_format", "image_timeout", "image_crash"}
    | {"image_too_small", "image_too_long", "bad_boxes"}
)  # what img2dataset calls failed_to_resize

IN_ITS_WORDS = {
    "dns": "<urlopen error [Errno -2] Name or service not known>",
    "timeout": "<urlopen error timed out>",
    "opt_out_x_robots_tag": "Use of image disallowed by X-Robots-Tag directive",
    "hash_mismatch": "hash mismatch",
    "decode_error": "Image decoding error",
    "too_many_pixels": "image area too large",
    "image_too_small": "image too small",
    "image_too_long": "aspect ratio too large",
}

_FLAT = json.JSONEncoder(separators=(",\n    ", ": "))  # with indent=4 json encodes in Python

BUILD = Layout()
SIDECAR_SCHEMA = BUILD.columns()


def meta_of(sample: Sample, key: str, layout: Layout = BUILD) -> dict[str, Any]:
    """The JSON member's fields, in their order.

    A half surrogate pair, which UTF-8 cannot hold, becomes "?"; a number that JSON cannot hold becomes null.
    """
    meta, extra = _begun(sample, layout)
    for name in _names(layout, SAMPLE_SCHEMA):
        meta[name] = _plain(getattr(sample, name))
    meta["url"] = _plain(extra.get(AS_LISTED, sample.url))
    if layout.hash not in (None, "sha256"):
        meta[layout.hash] = extra.get(layout.hash)
    if "scores" in layout.ours:
        meta["scores"] = dict(sample.scores) or None
    if "hash_check" in layout.ours:
        meta["hash_check"] = extra.get("hash_check")
    meta["key"] = key
    meta["status"] = SUCCESS
    return meta


def aside(sample: Sample, meta: dict[str, Any]) -> dict[str, Any]:
    """The sidecar's row for a sample: its fields, and what stands in the sidecar only."""
    return meta | {"found_at": sample.found_at, "fetched_at": sample.fetched_at, "reason": None}


def row_of(failure: Failure, key: str | None = None, layout: Layout = BUILD) -> dict[str, Any]:
    """The sidecar's row for a failure; without a key where it takes no number in the tar."""
    row, extra = _begun(failure.candidate, layout)
    for name in _names(layout, CANDIDATE_SCHEMA):
        row[name] = _plain(getattr(failure.candidate, name))
    row["url"] = _plain(extra.get(AS_LISTED, failure.candidate.url))
    row["key"] = key
    row["status"] = status_of(failure.reason)
    row["error_message"] = _plain(message_of(failure.reason, failure.evidence))
    if "http_status" in row:
        row["http_status"] = _http_status(failure.reason)
    aside = {"found_at": failure.candidate.found_at, "fetched_at": failure.at, "reason": failure.reason}
    return row | aside


def status_of(reason: str) -> str:
    """Whether the download failed or what came after it."""
    return FAILED_TO_RESIZE if reason in IMAGE_REASONS else FAILED_TO_DOWNLOAD


def message_of(reason: str, evidence: str = "") -> str:
    """What the failure is called; without evidence its key in `status_dict`."""
    status = _http_status(reason)
    if status is not None:
        return f"HTTP Error {status}: {_PHRASES.get(status, 'Unknown')}"  # str() of urllib's HTTPError
    fixed = IN_ITS_WORDS.get(reason)
    if fixed is not None:
        return fixed
    return f"{reason}: {evidence}" if evidence else reason


def json_of(meta: Mapping[str, Any]) -> bytes:
    """The JSON member, as img2dataset writes it: ASCII, indented by 4."""
    if any(value and isinstance(value, list | dict) for value in meta.values()):
        return json.dumps(meta, indent=4).encode("ascii")
    return f"{{\n    {_FLAT.encode(meta)[1:-1]}\n}}".encode("ascii")


def table_of(rows: Sequence[Mapping[str, Any]], layout: Layout = BUILD) -> pa.Table:
    """The rows as the sidecar's table."""
    schema = layout.columns()
    columns = [_column([row[field.name] for row in rows], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _begun(pair: Candidate | Sample, layout: Layout) -> tuple[dict[str, Any], dict[str, Any]]:
    """All fields in their order, null but for those of the list's own columns; and what else is in `extra`."""
    fields: dict[str, Any] = dict.fromkeys(layout.fields().names)
    extra: dict[str, Any] = orjson.loads(pair.extra) if pair.extra else {}
    for name in carried(layout.carried).names:
        fields[name] = extra.get(name)
    return fields, extra


@lru_cache
def _names(layout: Layout, record: pa.Schema) -> list[str]:
    """The fields that are the record's own."""
    of_list = set(carried(layout.carried).names)
    return [name for name in layout.fields().names if name in record.names and name not in of_list]


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    """The values as that type; null where one of a list's own columns has a value that its type cannot hold."""
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.concat_arrays([pa.array([], kind), *_each(values, kind)])


def _each(values: Iterable[Any], kind: pa.DataType) -> Iterable[pa.Array]:
    for value in values:
        try:
            yield pa.array([value], kind)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            yield pa.nulls(1, kind)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Span):
        return asdict(value)
    if isinstance(value, Text):
        return {"text": _plain(value.text), "source": _plain(value.source)}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def _http_status(reason: str) -> int | None:
    digits = reason.removeprefix("http_")
    return int(digits) if digits != reason and digits.isdecimal() and len(digits) == 3 else None
