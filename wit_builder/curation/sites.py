"""Whose are these URLs? The registrable domain of each, looked up once for each origin."""

from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wit_builder.engine import columns, hashes
from wit_builder.web.url import host_of, registrable_domain


def of(urls: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """Names of registrable domains, some more than once, and for each URL which of them is its own.

    Raises ValueError for what is no http(s) URL.
    """
    origin = np.asarray(pa.array(hashes.hashed_origins(urls)).dictionary_encode().indices, np.int64)
    first = np.empty(origin.max(initial=-1) + 1, np.int64)
    first[origin[::-1]] = np.arange(len(origin))[::-1]
    names = [_domain("/".join([*url.split("/", 3)[:3], ""])) for url in columns.pick(urls, first).to_pylist()]
    return names, origin


@lru_cache(maxsize=500_000)  # 0.1 GB; most of a part's hosts were in the part before it
def _domain(origin: str) -> str:
    return registrable_domain(host_of(origin))
