"""Entries of lists, as tests name them."""

import pyarrow as pa

from wit_builder.blocklist.blocked import Blocked
from wit_builder.blocklist.entries import SCHEMA, value_of


def table(*entries) -> pa.Table:
    """Of (kind, word) or (kind, word, radius)."""
    rows = [(kind, value_of(kind, word), *(radius or [None]), "list.txt") for kind, word, *radius in entries]
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], schema=SCHEMA)


def blocked(*entries) -> Blocked:
    return Blocked(table(*entries))


def flipped(phash: str, bits: int) -> str:
    """The hash with so many of its bits the other way."""
    return f"{int(phash, 16) ^ ((1 << bits) - 1):064x}"
