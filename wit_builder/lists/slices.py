"""One task's share of a list: which rows of which file, and what their columns are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from wit_builder.remote import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Rows of a file, as a task's argument says it."""

    source: Source
    name: str  # of the file, that tells it from the list's others
    number: int  # of the file in the list, from 0
    format: str
    first: int = 0  # row
    end: int | None = None  # the row after the last; None: to the end of the file
    cells: tuple[str, ...] = ()  # of csv and tsv: the columns, in their order
    header: bool = False  # whether the first row names them
    url: str  # column of the address
    caption: str = ""  # column of the caption, "" where there is none
    extra: Mapping[str, str]  # columns to carry through, each with its name in the JSON
    types: str = ""  # of json and jsonl: what those columns come back as (carried.schema_text)
    at: str  # when the list was looked at, ISO 8601

    def as_json(self) -> dict[str, Any]:
        """The same as JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `as_json`."""
        more = {"source": Source(**value["source"]), "cells": tuple(value["cells"])}
        return cls(**(dict(value) | more))
