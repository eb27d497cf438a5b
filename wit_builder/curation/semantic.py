"""Which pictures show the same, by their embeddings? SemDeDup (Abbas et al. 2023): in clusters, all pairs exactly.

Who stays is not SemDeDup's rule. That one orders a cluster by the distance to its centre and drops whatever is
similar to one before it, even to one that is dropped itself. Here the order is that of all duplicates
(survivor.py), and a picture goes only where one that stays is similar to it: the ledger can name that one, and a
chain of pictures, each similar to the next, does not end as its first.

Sums are of 64 bits over embeddings stored in 16, so that neither the order of rows nor the size of a tile moves a
picture over a threshold or into another cluster.
"""

import numpy as np
from numpy.typing import NDArray

PER_CLUSTER = 256  # samples that a cluster has on average, at least
ITERATIONS = 20  # of k-means
SEED = 1234  # SemDeDup's
TILE = 2_048  # embeddings compared at once: with as many others 32 MB

Embeddings = NDArray[np.float16]  # one row a picture, near unit length
Rows = NDArray[np.int64]
Floats = NDArray[np.float64]


def centres(training: Embeddings, clusters: int) -> Floats:
    """The centres of so many clusters, a row each: spherical k-means on these embeddings, in their order."""
    width = training.shape[1]
    if clusters == 1:
        return np.zeros((1, width))
    import faiss  # 25 ms, which a build without semantic duplicates need not take

    kmeans = faiss.Kmeans(
        width,
        clusters,
        niter=ITERATIONS,
        seed=SEED,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=len(training),  # all: the caller has drawn them
    )
    kmeans.train(training.astype(np.float32))
    return np.asarray(kmeans.centroids, np.float64)


def nearest(embeddings: Embeddings, centre: Floats) -> Rows:
    """For each embedding the number of the nearest centre."""
    found = [np.argmax(_unit(some) @ centre.T, axis=1) for some in _tiles(embeddings)]
    return np.concatenate([np.empty(0, np.int64), *found])


def heads(embeddings: Embeddings, least: float) -> tuple[Rows, Floats]:
    """For each of one cluster's pictures, strongest first, the one that it goes for; itself where it stays.

    It goes for the strongest one that stays and has a cosine above `least` with it. Returns the row of that one,
    and the cosine.
    """
    count = len(embeddings)
    head, cosine = np.arange(count), np.ones(count)
    stay = np.empty(0, np.int64)
    for first in range(0, count, TILE):
        rows = np.arange(first, min(first + TILE, count))
        tile = _unit(embeddings[rows])
        for some in np.split(stay, range(TILE, len(stay), TILE)):
            left = np.flatnonzero(head[rows] == rows)
            alike = tile[left] @ _unit(embeddings[some]).T
            _assign(head, cosine, rows[left], some, alike, least)
        left = np.flatnonzero(head[rows] == rows)
        _among(head, cosine, rows[left], tile[left] @ tile[left].T, least)
        stay = np.concatenate([stay, rows[head[rows] == rows]])
    return head, cosine


def _assign(head: Rows, cosine: Floats, rows: Rows, others: Rows, alike: Floats, least: float) -> None:
    """Give each row the first of the others that is similar to it."""
    if not len(rows) or not len(others):
        return
    near = alike > least
    column = near.argmax(axis=1)
    found = near[np.arange(len(rows)), column]
    head[rows[found]] = others[column[found]]
    cosine[rows[found]] = alike[np.flatnonzero(found), column[found]]


def _among(head: Rows, cosine: Floats, rows: Rows, alike: Floats, least: float) -> None:
    """The same among themselves: strongest first, each that still stays takes those behind it."""
    near = alike > least
    stays = np.ones(len(rows), bool)
    for i in range(len(rows)):
        if stays[i]:
            taken = i + 1 + np.flatnonzero(near[i, i + 1 :] & stays[i + 1 :])
            stays[taken] = False
            head[rows[taken]], cosine[rows[taken]] = rows[i], alike[i, taken]


def _tiles(embeddings: Embeddings) -> list[Embeddings]:
    return [embeddings[first : first + TILE] for first in range(0, len(embeddings), TILE)]


def _unit(embeddings: Embeddings) -> Floats:
    """Of 64 bits and unit length, which 16 bits cannot quite hold."""
    rows = embeddings.astype(np.float64)
    unit: Floats = rows / np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return unit
