"""Retrieval: how often a caption finds its image, and an image one of its captions (appendix E.1, table 13).

A query is answered among the first k when fewer than k wrong answers score at least as much as its best right one. So
a tie never flatters; CLIP_benchmark, whose definition it is otherwise, leaves the order of equal scores to `topk`.
Shapes: n images, m captions, D of the joint space.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wit_builder.errors import ConfigError
from wit_builder.evaluate import classifier, measures
from wit_builder.evaluate.results import Result
from wit_builder.evaluate.work import Work

TASK = "retrieval"
PLACES = (1, 5, 10)

_AT_ONCE = 1 << 24  # similarities held at a time

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranks:
    """How many wrong answers come before the right one. images: [m], for each caption; texts: [n], for each image."""

    images: Ints
    texts: Ints


def evaluate(work: Work) -> Result | None:
    """Recall at 1, 5 and 10 both ways, captions as they are. All ranks call this; the first has the result.

    Raises ConfigError for an image without a caption.
    """
    which, embedded = work.which, work.embedded
    of = owners(which.name, which.keys, which.captions)
    said = [caption for some in which.captions for caption in some]
    texts = classifier.texts(work.loaded, said, work.ranks, work.precision)
    if not work.ranks.first:
        return None
    found = ranks(embedded.images, texts, of, embedded.readable)
    told = {"image": found.images, "text": found.texts}
    recalls = {
        f"{what}_retrieval_recall@{k}": measures.share(int(np.count_nonzero(places < k)), len(places))
        for what, places in told.items()
        for k in PLACES
    }
    more = {
        "samples": len(embedded.keys),
        "captions": len(said),
        "unreadable": int(np.count_nonzero(~embedded.readable)),
    }
    table = pa.concat_tables(_predictions(which.keys, of, found))
    return Result(TASK, which.name, work.split, recalls, work.fingerprint, more, table)


def ranks(images: Floats, texts: Floats, owners: Ints, readable: npt.NDArray[np.bool_]) -> Ranks:
    """The ranks of all queries of both kinds, in memory that grows with n + m.

    images: [n, D]. texts: [m, D]. owners: [m], the image of each caption, ascending. readable: [n]; an image that
    could not be read is not found, and finds nothing.
    """
    first = np.searchsorted(owners, np.arange(len(images) + 1))
    to_image = _ranks(texts, images, np.arange(len(texts) + 1), owners)
    to_text = _ranks(images, texts, first, np.arange(len(texts)))
    to_image[~readable[owners]] = len(images)
    to_text[~readable] = len(texts)
    return Ranks(to_image, to_text)


def owners(name: str, keys: Sequence[str], captions: Sequence[Sequence[str]]) -> Ints:
    """int64 [m]: the image of each caption. Raises ConfigError for an image without one: there is nothing to find."""
    for key, some in zip(keys, captions, strict=True):
        if not some:
            raise ConfigError(f"{key!r} of {name!r} has no caption", "a caption a line in KEY.txt")
    return np.repeat(np.arange(len(captions)), [len(some) for some in captions])


def _ranks(queries: Floats, among: Floats, first: Ints, right: Ints) -> Ints:
    """Of each query. right[first[q] : first[q + 1]]: which answers are right for query q, at least one."""
    found = np.empty(len(queries), np.int64)
    rows = max(1, _AT_ONCE // len(among))
    for start in range(0, len(queries), rows):
        end = min(start + rows, len(queries))
        scores = queries[start:end] @ among.T
        begins = first[start:end] - first[start]
        row = np.repeat(np.arange(end - start), np.diff(first[start : end + 1]))
        column = right[first[start] : first[end]]
        best = np.maximum.reduceat(scores[row, column], begins)
        scores[row, column] = -np.inf
        found[start:end] = np.count_nonzero(scores >= best[:, None], axis=1)
    return found


def _predictions(keys: Sequence[str], of: Ints, found: Ranks) -> Iterator[pa.Table]:
    """A row a query: what it looks for, whose it is, which caption it is (-1: the image), and its rank, from 0."""
    first = np.searchsorted(of, np.arange(len(keys)))
    captions = np.arange(len(of)) - first[of]
    for wanted, own, number, rank in (
        ("image", of, captions, found.images),
        ("text", np.arange(len(keys)), np.full(len(keys), -1), found.texts),
    ):
        yield pa.table(
            {
                "wanted": pa.array([wanted] * len(own)),
                "key": pa.array([keys[at] for at in own], pa.string()),
                "caption": pa.array(number, pa.int32()),
                "rank": pa.array(rank, pa.int64()),
            }
        )
