"""Whose are these URLs? The registrable domain of each, looked up once for each origin."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wit_builder.engine import columns, hashes
from wit_builder.web.url import host_of, registrable_domain


def of(urls: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """Names of registrable domains, some more than once, and for each URL which of them is its own.

    Raises ValueError for what is no http(s) URL.
    """
    _, first, origin = np.unique(hashes.hashed_origins(urls), return_index=True, return_inverse=True)
    names = [registrable_domain(host_of(url)) for url in columns.pick(urls, first).to_pylist()]
    return names, origin
