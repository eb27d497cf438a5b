"""Which captions stand on too many images, and which images on too many pages, to say anything of one?

Both are counted over all candidates that pass the filters. Those of a URL lie in one bin, so pages of images
are counted where `select.unique` looks for duplicates; for the images of a caption there is a stage of its own,
`captions`, over as many partitions of captions. Nothing of it is done where the recipe sets no limit.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wit_builder.curation import tables
from wit_builder.engine import columns, hashes, shuffle
from wit_builder.engine.task import Task

_KEY = pa.binary(16)  # 128 bits of a text
_CAPTION_OF_URL = pa.schema([("caption", _KEY), ("url", _KEY), ("bin", pa.int64())])
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
    table = shuffle.read(inputs, task.arg, bins, _CAPTION_OF_URL)
    spread = _more_than(
        task.params["duplicates"].max_images_per_caption, table.column("caption"), table.column("url")
    )
    place = pc.index_in(table.column("caption"), spread.column("key"))
    found = table.filter(pc.is_valid(place))
    rows = spread.take(pc.drop_null(place))
    shuffle.write(task.new_file("boilerplate", ".shuffle"), rows, np.asarray(found.column("bin")), bins)


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


def found(task: Task, table: pa.Table) -> tuple[NDArray[np.bool_], list[pa.Table]]:
    """Which of these candidates are spread too widely, and the losses; of each URL all must be there.

    arg: bin; params: bins, duplicates, boilerplate.
    """
    gone, losses = np.zeros(table.num_rows, bool), []
    for reason, keys, spread, words in _limits(task, table):
        place = pc.index_in(keys, spread.column("key"))
        here = np.asarray(pc.is_valid(place)) & ~gone
        counts = spread.column("count").take(place.filter(columns.mask(here))).cast(pa.string())
        rows = columns.pick_rows(table.select(tables.OF_LOSSES), np.flatnonzero(here))
        evidence = pc.binary_join_element_wise("on", counts, words, " ")
        losses.append(tables.losses_of(rows, "select", reason, evidence))
        gone |= here
    return gone, losses


def _limits(task: Task, table: pa.Table) -> Iterator[tuple[str, pa.Array, pa.Table, str]]:
    """Reason, the key of each row, the keys that are spread too widely, and over what."""
    rules = task.params["duplicates"]
    if rules.max_images_per_caption is not None:
        yield "boilerplate", _key(table.column("caption")), widespread(task), "images"
    if rules.max_pages_per_image is not None:
        urls = _key(table.column("url"))
        spread = _more_than(rules.max_pages_per_image, urls, _key(table.column("page_url")))
        yield "image_on_many_pages", urls, spread, "pages"


def _more_than(most: int, keys: pa.ChunkedArray | pa.Array, others: pa.ChunkedArray | pa.Array) -> pa.Table:
    """The keys that stand with more than so many others, and with how many."""
    counts = pa.table({"key": keys, "other": others}).group_by("key").aggregate([("other", "count_distinct")])
    found = counts.filter(pc.greater(counts.column("other_count_distinct"), most))
    return pa.table([found.column("key"), found.column("other_count_distinct")], schema=_SPREAD)


def _key(texts: pa.ChunkedArray) -> pa.Array:
    """128 bits of each, XXH64 with the seeds 0 and 1."""
    halves = np.stack([hashes.hashed(texts), hashes.hashed(texts, 1)], axis=1)
    return pa.Array.from_buffers(_KEY, len(texts), [None, pa.py_buffer(halves)])
