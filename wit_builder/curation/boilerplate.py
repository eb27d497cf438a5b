"""Which captions stand on too many images, and which images on too many pages, to say anything of one?

Both are counted over all candidates that pass the filters. Those of a URL lie in one partition, so pages of images
are counted where `select.unique` looks for duplicates; for the images of a caption there is a stage of its own,
`captions`, over partitions of captions. Nothing of it is done where the recipe sets no limit.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wit_builder.curation import tables
from wit_builder.engine import columns, hashes, shuffle
from wit_builder.engine.task import Task

_KEY = pa.binary(16)  # 128 bits of a text
_CAPTION_OF_URL = pa.schema([("caption", _KEY), ("url", _KEY)])
_SPREAD = pa.schema([("key", _KEY), ("count", pa.int64())])


def hand_on_captions(task: Task, candidates: pa.Table) -> None:
    """Write which caption stands on which URL, as a shuffle file by caption. params: duplicates, partitions."""
    if task.params["duplicates"].max_images_per_caption is None:
        return
    caption, url = candidates.column("caption"), candidates.column("url")
    keys = pa.table([_key(caption), _key(url)], schema=_CAPTION_OF_URL)
    partitions = task.params["partitions"]
    part_of = shuffle.spread(hashes.hashed(caption), partitions)
    shuffle.write(task.new_file("captions", ".shuffle"), keys, part_of, partitions)


def captions(task: Task) -> None:
    """Finds the captions on too many images.

    arg: partition (of captions); params: inputs ([shuffle path]), partitions (of captions, and of URLs),
    duplicates. Hands on `boilerplate`: a shuffle file, by URL, of such captions and how many images each has.
    """
    inputs = [Path(path) for path in task.params["inputs"]]
    partitions = task.params["partitions"]
    table = shuffle.read(inputs, task.arg, partitions, _CAPTION_OF_URL)
    spread = _more_than(
        task.params["duplicates"].max_images_per_caption, table.column("caption"), table.column("url")
    )
    place = pc.index_in(table.column("caption"), spread.column("key"))
    found = table.filter(pc.is_valid(place))
    rows = spread.take(pc.drop_null(place))
    part_of = shuffle.spread(_first_half(found.column("url")), partitions)
    shuffle.write(task.new_file("boilerplate", ".shuffle"), rows, part_of, partitions)


def without(task: Task, table: pa.Table) -> tuple[pa.Table, list[pa.Table]]:
    """All candidates of a partition of URLs without what is spread too widely; and the losses.

    arg: partition; params: partitions, duplicates, boilerplate ([shuffle path] of `captions`).
    """
    gone, losses = np.zeros(table.num_rows, bool), []
    for reason, keys, spread, words in _found(task, table):
        place = pc.index_in(keys, spread.column("key"))
        here = np.asarray(pc.is_valid(place)) & ~gone
        counts = spread.column("count").take(place.filter(columns.mask(here))).cast(pa.string())
        rows = columns.pick_rows(table.select(tables.OF_LOSSES), np.flatnonzero(here))
        evidence = pc.binary_join_element_wise("on", counts, words, " ")
        losses.append(tables.losses_of(rows, "select", reason, evidence))
        gone |= here
    return (table.filter(columns.mask(~gone)) if gone.any() else table), losses


def _found(task: Task, table: pa.Table) -> Iterator[tuple[str, pa.Array, pa.Table, str]]:
    """Reason, the key of each row, the keys that are spread too widely, and over what."""
    rules = task.params["duplicates"]
    if rules.max_images_per_caption is not None:
        inputs = [Path(path) for path in task.params["boilerplate"]]
        spread = shuffle.read(inputs, task.arg, task.params["partitions"], _SPREAD)
        yield "boilerplate", _key(table.column("caption")), spread, "images"
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


def _first_half(keys: pa.ChunkedArray) -> hashes.Hashes:
    pieces = [np.array([], np.uint64)]
    for chunk in keys.chunks:
        pieces.append(np.frombuffer(chunk.buffers()[1], np.uint64)[2 * chunk.offset :][: 2 * len(chunk) : 2])
    return np.concatenate(pieces)
