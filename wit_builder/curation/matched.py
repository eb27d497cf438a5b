"""Matches of many captions as the columns `queries` and `query_spans`."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wit_builder.queries.match import Matches
from wit_builder.records import CANDIDATE_SCHEMA


def columns(found: Matches, captions: int, entries: pa.Array) -> dict[str, pa.Array]:
    """Of each caption its queries, each once in the order in which they begin, and where each match stands.

    found: in the order of the captions, in each by begin.
    """
    pair = found.text.astype(np.int64) << 32 | found.query
    _, first, of = np.unique(pair, return_index=True, return_inverse=True)
    order = np.argsort(first)  # of the distinct queries of all captions: as they first appear
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    first = first[order]
    ends = _ends(found.text[first], captions)
    queries = pa.ListArray.from_arrays(ends, entries.take(pa.array(found.query[first])))
    place = rank[of.reshape(-1)] - ends[found.text]  # ends: where the lists end, and so where the next begin
    kind = CANDIDATE_SCHEMA.field("query_spans").type
    values = [place.astype(np.int32), found.begin, found.end]
    spans = pa.StructArray.from_arrays([pa.array(value, pa.int32()) for value in values], fields=list(kind.value_type))
    return {"queries": queries, "query_spans": pa.ListArray.from_arrays(_ends(found.text, captions), spans)}


def _ends(of: NDArray[np.int32], captions: int) -> NDArray[np.int32]:
    """0, then where the values of each caption end; of: the caption of each value, rising."""
    counts = np.bincount(of, minlength=captions)
    return np.append(0, np.cumsum(counts)).astype(np.int32)
