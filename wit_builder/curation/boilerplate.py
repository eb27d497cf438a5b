"""Which captions stand on too many images, and which images on too many pages or under too many captions, to say
anything of one?

All are counted over all candidates that pass the filters. Those of a URL lie in one bin, so pages and captions of
images are counted where `select.unique` looks for duplicates; for the images of a caption there is a stage of
its own, `captions`, over as many partitions of captions. Nothing of it is done where the recipe sets no limit.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wit_builder.curation import tables
from wit_builder.engine import columns, hashes, shuffle
from wit_builder.engine.task import Task

Read = Callable[[list[str]], Iterable[pa.Table]]  # some columns of some candidates, in pieces

ROWS = 2_000_000  # captions with their URLs that are counted at a time: 0.3 GB

_LIMITS = (  # reason, and what is counted
    ("boilerplate", "on", "images"),
    ("image_on_many_pages", "on", "pages"),
    ("image_under_many_captions", "under", "captions"),
)
_KEY = pa.binary(16)  # 128 bits of a text
_CAPTION_OF_URL = pa.schema([("caption", _KEY), ("url", _KEY), ("bin", pa.int64())])
_BINS = pa.schema([("caption", _KEY), ("bin", pa.int64())])
_SPREAD = pa.schema([("key", _KEY), ("count", pa.int64())])


def hand_on_captions(task: Task, candidates: pa.Table, bin_of: NDArray[np.int64]) -> None:
    """Write which caption stands on which URL, as a shuffle file by caption. params: duplicates, bins.

    bin_of: the bin of each candidate.
    """
    if task.params["duplicates"].max_images_per_caption is None:
        return
    caption, url = candidates.column("caption"), candidates.column("url")
    keys = pa.table([_key(caption), _key(url), bin_of], schema=_CAPTION_OF_URL)
    bins = task.params["bins"]
    part_of = shuffle.spread(hashes.hashed(caption), bins)
    shuffle.write(task.new_file("captions", ".shuffle"), keys, part_of, bins)


def captions(task: Task) -> None:
    """Finds the captions on too many images.

    arg: partition (of captions); params: inputs ([shuffle path]), bins (of captions as of domains), duplicates.
    Hands on `boilerplate`: a shuffle file, by bin, of such captions and how many images each has.
    """
    inputs, bins = [Path(path) for path in task.params["inputs"]], task.params["bins"]
    most = task.params["duplicates"].max_images_per_caption
    spread = _above(most, [_counts(*keys) for keys in _by_url(inputs, task.arg, bins)])
    found = [_BINS.empty_table()]
    for batch in shuffle.batches(inputs, task.arg, bins, ["caption", "bin"]):
        here = pa.table(batch).filter(pc.is_in(batch.column("caption"), spread.column("key")))
        found.append(here.group_by(["caption", "bin"]).aggregate([]).select(_BINS.names))
    told = pa.concat_tables(found).group_by(["caption", "bin"]).aggregate([])
    rows = spread.take(pc.index_in(told.column("caption"), spread.column("key")))
    shuffle.write(task.new_file("boilerplate", ".shuffle"), rows, np.asarray(told.column("bin")), bins)


def _by_url(
    inputs: Sequence[Path], part: int, bins: int
) -> Iterator[tuple[pa.ChunkedArray, pa.ChunkedArray]]:
    """Captions and URLs of a partition in portions of about ROWS, all rows of a URL in one."""
    turns = max(1, -(-sum(map(len, shuffle.batches(inputs, part, bins, ["bin"]))) // ROWS))
    for turn in range(turns):
        pieces = [_CAPTION_OF_URL.empty_table()]
        for batch in shuffle.batches(inputs, part, bins):
            if turns > 1:
                of = hashes.hashed(pa.chunked_array([batch.column("url")])) % np.uint64(turns)
                batch = batch.filter(columns.mask(of == turn))
            pieces.append(pa.table(batch))
        rows = pa.concat_tables(pieces)
        yield rows.column("caption"), rows.column("url")


def widespread(task: Task) -> pa.Table:
    """The captions of a bin that are on too many images, by key; none where the recipe sets no limit.

    arg: bin; params: bins (of domains), boilerplate ([shuffle path] of `captions`).
    """
    inputs = [Path(path) for path in task.params["boilerplate"]]
    return shuffle.read(inputs, task.arg, task.params["bins"], _SPREAD)


def among(spread: pa.Table, candidates: pa.Table) -> NDArray[np.bool_]:
    """Of which of the candidates the caption is `widespread`; where none is, it need not be there."""
    if not spread.num_rows:
        return np.zeros(candidates.num_rows, bool)
    return np.asarray(pc.is_in(_key(candidates.column("caption")), spread.column("key")))


def found(task: Task, read: Read, rows: int) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Which of these candidates are spread too widely (of `_LIMITS` the row, else -1), and over how many.

    arg: bin; params: bins, duplicates, boilerplate. rows: how many candidates are read; of each URL all.
    """
    over, counts = np.full(rows, -1, np.int8), np.zeros(rows, np.int64)
    for limit, keys, spread in _limits(task, read):
        place = pc.index_in(keys, spread.column("key"))
        here = np.asarray(pc.is_valid(place)) & (over < 0)
        over[here] = limit
        counts[here] = np.asarray(spread.column("count").take(place.filter(columns.mask(here))))
    return over, counts


def losses(rows: pa.Table, over: NDArray[np.int8], counts: NDArray[np.int64]) -> Iterator[pa.Table]:
    """Those of these rows that are spread too widely, as `found` says, with over how many."""
    for limit, (reason, where, what) in enumerate(_LIMITS):
        here = over == limit
        if here.any():
            number = pa.array(counts[here]).cast(pa.string())
            evidence = pc.binary_join_element_wise(where, number, what, " ")
            yield tables.losses_of(rows.filter(columns.mask(here)), "select", reason, evidence)


def _limits(task: Task, read: Read) -> Iterator[tuple[int, pa.ChunkedArray, pa.Table]]:
    """Of each limit that is set its row, the key of each candidate, and the keys that are spread too widely."""
    rules = task.params["duplicates"]
    if rules.max_images_per_caption is not None:
        yield 0, _keys(read, "caption"), widespread(task)
    for limit, most, name in (
        (1, rules.max_pages_per_image, "page_url"),
        (2, rules.max_captions_per_image, "caption"),
    ):
        if most is not None:
            urls = _keys(read, "url")
            yield limit, urls, _above(most, [_counts(urls, _keys(read, name))])


def _counts(keys: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.Table:
    """With how many others each key stands."""
    counts = pa.table({"key": keys, "other": others}).group_by("key").aggregate([("other", "count_distinct")])
    return counts.select(["key", "other_count_distinct"]).rename_columns(_SPREAD.names)


def _above(most: int, counted: Sequence[pa.Table]) -> pa.Table:
    """The keys that have more than so many, all tables together."""
    sums = pa.concat_tables(counted).group_by("key").aggregate([("count", "sum")])
    found = sums.filter(pc.greater(sums.column("count_sum"), most))
    return pa.table([found.column("key"), found.column("count_sum")], schema=_SPREAD)


def _keys(read: Read, name: str) -> pa.ChunkedArray:
    return pa.chunked_array([_key(rows.column(name)) for rows in read([name])], _KEY)


def _key(texts: pa.ChunkedArray) -> pa.Array:
    """128 bits of each, XXH64 with the seeds 0 and 1."""
    halves = np.stack([hashes.hashed(texts), hashes.hashed(texts, 1)], axis=1)
    return pa.Array.from_buffers(_KEY, len(texts), [None, pa.py_buffer(halves)])
