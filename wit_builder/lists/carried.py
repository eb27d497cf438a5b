"""A row's other columns: how they travel as a JSON object, and which Arrow types they come back as.

JSON has numbers, texts, lists and objects. What is none of these travels as text: times and decimals as Arrow
writes them, durations as their number, bytes in base64; a map is a list of {key, value}. NaN and infinity
become null.
"""

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa

from wit_builder.errors import ConfigError
from wit_builder.shards.layout import RESERVED

MAX_EXTRA = 1 << 20  # bytes of a row's JSON

_AS_THEY_ARE = (pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating)
_BINARY = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_binary_view,
)


def keys(columns: Iterable[str], taken: Collection[str] = RESERVED) -> dict[str, str]:
    """By column the name that it gets: its own, with `input_` before it where that is taken."""
    named: dict[str, str] = {}
    for column in columns:
        key = column
        while key in taken or key in named.values():
            key = f"input_{key}"
        named[column] = key
    return named


def renamed(keys: Mapping[str, str]) -> list[str]:
    """What the columns are called, as a message says it."""
    return [key if key == name else f"{name} as {key}" for name, key in keys.items()]


def schema_text(fields: Iterable[tuple[str, pa.DataType]]) -> str:
    """The types that values come back as, in base64 of Arrow's own bytes; "" where there is no column."""
    schema = pa.schema([(key, _back(kind)) for key, kind in fields])
    return base64.b64encode(schema.serialize()).decode() if schema.names else ""


def schema_of(text: str) -> pa.Schema:
    """The inverse of `schema_text`."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text))) if text else pa.schema([])


def united(schemas: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
    """One schema for all these files (name, columns as they come back); numbers are widened.

    Raises ConfigError when a column is of two kinds.
    """
    kinds: dict[str, tuple[pa.DataType, str]] = {}
    for file, schema in schemas:
        for field in schema:
            kind, first = kinds.get(field.name, (field.type, file))
            kinds[field.name] = (_wider(field.name, kind, first, field.type, file), first)
    return pa.schema([(name, kind) for name, (kind, _) in kinds.items()])


def back(schema: pa.Schema, file: str) -> pa.Schema:
    """The schema as it comes back. Raises ConfigError for a type that cannot travel."""
    for field in schema:
        try:
            pa.array([], field.type).cast(_travels(field.type))
        except pa.ArrowException as error:
            raise ConfigError(
                f"column {field.name!r} of {file} is {field.type}, which cannot be carried through",
                "name only others to be carried through",
            ) from error
    return pa.schema([(field.name, _back(field.type)) for field in schema])


def values(column: pa.Array) -> list[Any]:
    """The column's values as JSON takes them; bytes are still bytes."""
    try:
        listed: list[Any] = column.cast(_travels(column.type)).to_pylist()
        return listed
    except (UnicodeDecodeError, pa.ArrowInvalid):  # texts that are not UTF-8
        return [_lenient(value) for value in column]


def objects(columns: Mapping[str, Sequence[Any]], count: int) -> list[bytes]:
    """A JSON object for each of `count` rows; b"" where there is no column.

    Raises TypeError for what JSON cannot hold.
    """
    if not columns:
        return [b""] * count
    return [encoded(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]


def encoded(row: Any) -> bytes:
    """One such object. Raises TypeError for what JSON cannot hold: an integer of over 64 bits."""
    try:
        return orjson.dumps(row, default=_text_of)
    except TypeError:
        return orjson.dumps(_clean(row), default=_text_of)


def fitted(values: Sequence[Any], kind: pa.DataType) -> tuple[list[Any], list[int]]:
    """JSON values as a column of that type, and the places of those that cannot be of it.

    Whatever is no text becomes one (as JSON) in a column of texts.
    """
    if pa.types.is_string(kind):
        return [_as_text(value) for value in values], []
    return list(values), [place for place, value in enumerate(values) if not _fits(value, kind)]


def kind_of(values: Sequence[Any]) -> pa.DataType:
    """The type that JSON values come back as: texts, where they are of several kinds or nobody knows."""
    try:
        kind = pa.infer_type(values)
    except (pa.ArrowException, ValueError):
        return pa.string()
    unknown = any(sign in str(kind) for sign in ("null", "struct<>"))
    return pa.string() if unknown or not all(_fits(value, kind) for value in values) else kind


def _fits(value: Any, kind: pa.DataType) -> bool:
    """Whether a JSON value is of that type. (Arrow itself makes 1 of 1.5 where integers are due.)"""
    if value is None:
        return True
    if pa.types.is_struct(kind):
        return isinstance(value, dict) and all(_fits(value.get(field.name), field.type) for field in kind)
    if pa.types.is_list(kind):
        return isinstance(value, list) and all(_fits(item, kind.value_type) for item in value)
    if pa.types.is_integer(kind):
        return type(value) is int and -(2**63) <= value < 2**63
    if pa.types.is_floating(kind):
        return type(value) is float or (type(value) is int and abs(value) <= 2**53)
    return type(value) is (bool if pa.types.is_boolean(kind) else str)


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return _clean(value) if value else value
    try:
        return encoded(value).decode()
    except TypeError:  # an integer of over 64 bits
        return str(value)


def _travels(kind: pa.DataType, binary: pa.DataType | None = None) -> pa.DataType:
    """What a column is cast to before it becomes JSON. binary: what bytes become; themselves by default."""
    if pa.types.is_nested(kind):
        return _nested(kind, binary)
    if isinstance(kind, pa.BaseExtensionType):
        return _travels(kind.storage_type, binary)
    if pa.types.is_dictionary(kind):
        return _travels(kind.value_type, binary)
    if pa.types.is_float16(kind):
        return pa.float32()
    if any(same(kind) for same in _AS_THEY_ARE):
        return kind
    if any(same(kind) for same in _BINARY):
        return binary or pa.binary()
    return pa.string()  # texts, times, decimals


def _nested(kind: pa.DataType, binary: pa.DataType | None) -> pa.DataType:
    if pa.types.is_map(kind):
        pair = [("key", _travels(kind.key_type, binary)), ("value", _travels(kind.item_type, binary))]
        return pa.list_(pa.struct(pair))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _travels(field.type, binary)) for field in kind])
    return pa.list_(_travels(kind.value_type, binary))


def _back(kind: pa.DataType) -> pa.DataType:
    return _travels(kind, binary=pa.string())


def _wider(name: str, one: pa.DataType, first: str, other: pa.DataType, file: str) -> pa.DataType:
    try:
        both = [pa.schema([(name, one)]), pa.schema([(name, other)])]
        return pa.unify_schemas(both, promote_options="permissive").field(0).type
    except pa.ArrowException as error:
        raise ConfigError(
            f"column {name!r} is {one} in {first} and {other} in {file}",
            "name only others to be carried through, or list the files apart",
        ) from error


def _lenient(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except UnicodeDecodeError:
        flat = pa.types.is_string(value.type) or pa.types.is_large_string(value.type)
        return value.as_buffer().to_pybytes().decode(errors="replace") if flat else None


def _text_of(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _clean(value: Any) -> Any:
    """Without half surrogate pairs."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value
