"""Which samples stay? Filters that see the picture, then one of each image, then one of each near-duplicate.

Four stages: `judge` over the fetched samples, shuffled by sha256; `exact` over partitions of sha256; near.py's
`pairs` over the perceptual hashes of all that is left; `similar`, one task, over what those connect.

`incumbents` are samples published before (a retry adds to a finished build): they are never dropped, and
what duplicates them is.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder.curation import groups, sites, survivor, tables, top
from wit_builder.curation.settings import Duplicates
from wit_builder.engine import columns, hashes, shuffle
from wit_builder.engine.task import Task
from wit_builder.extract import united
from wit_builder.mirror import footer, here
from wit_builder.records import SAMPLE_SCHEMA, Sample, samples
from wit_builder.shards import staged

BATCH = 8_192  # rows in memory as records at a time
INCUMBENTS = pa.schema([SAMPLE_SCHEMA.field(name) for name in ("id", "sha256", "phash", "phash_quality")])

_NO_HASHES = pa.array([], pa.uint64())
_TEXTS = ["id", "url", "caption", "text_source", "alt_texts"]
_RULE = ["id", "original_width", "original_height", "text_source"]  # what survivors are chosen by


def judge(task: Task) -> None:
    """Applies the sample filters.

    arg: {samples: [parquet path]}; params: filters, partitions (of sha256), staged (folder that Sample.tar is
    relative to), top.
    Hands on `samples` (a shuffle file by sha256), `losses`, and `tally` (top.py).
    """
    folder, rules = Path(task.params["staged"]), task.params["filters"]
    kept, losses = [SAMPLE_SCHEMA.empty_table()], []
    for path in task.arg["samples"]:
        for batch in pq.ParquetFile(here(path)).iter_batches(BATCH):
            rows = pa.table(batch)
            image = _images(folder, rows)
            survivors, dropped = tables.judged(rows, samples, rules, "clean", image)
            kept.append(survivors)
            losses.append(dropped)
    table = pa.concat_tables(kept)
    top.tally(task, table)
    partitions = task.params["partitions"]
    part_of = shuffle.spread(columns.digits(table.column("sha256"), 64)[0], partitions)
    shuffle.write(task.new_file("samples", ".shuffle"), table, part_of, partitions)
    tables.hand_on_losses(task, "clean", losses)


def _images(folder: Path, rows: pa.Table) -> Callable[[Sample], bytes]:
    image = staged.images(folder, rows)
    return lambda sample: image(sample.tar, sample.offset, sample.length)


def exact(task: Task) -> None:
    """One of each image by sha256 of its bytes, with the captions of the others; placeholders go altogether.

    What is not among the best, where only they stay, goes before. Of what goes only the keys are in memory together:
    an image may be there a million times.

    arg: partition; params: inputs, partitions, duplicates, incumbents, top, thresholds.
    Hands on `samples` (parquet) and `losses`.
    """
    inputs = [Path(path) for path in task.params["inputs"]]
    every = partial(shuffle.batches, inputs, task.arg, task.params["partitions"])
    best = None if task.params["top"] is None else top.best(task, every(["scores"]))

    def batches(names: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        return every(names) if best is None else _chosen(every(names), best)

    keys = _table(batches(["sha256", *_RULE]), ["sha256", *_RULE])
    sha = columns.digits(keys.column("sha256"), 64)
    head = survivor.heads(sha, lambda rows: [key[rows] for key in _rule(keys)])
    del sha
    placeholder = _placeholders(batches, head, task.params["duplicates"])
    known = _known(task.params["incumbents"], keys.column("sha256"))
    published = np.asarray(pc.is_in(keys.column("sha256"), known.column("sha256")))
    repeats = head != np.arange(len(head))
    gone = placeholder | published | repeats
    giving = repeats & ~placeholder & ~published
    place = np.cumsum(~gone) - 1  # of a row that stays
    kept, texts = [SAMPLE_SCHEMA.empty_table()], united.Gathered(alt_texts=True)

    def losses() -> Iterator[pa.Table]:
        if best is not None:
            for rows, at in _numbered(every()):
                yield top.losses(task, rows.filter(columns.mask(~best[at])))
        for rows, at in _numbered(batches()):
            kept.append(rows.filter(columns.mask(~gone[at])))
            texts.offer(place[head[at][giving[at]]], rows.filter(columns.mask(giving[at])))
            dropped, lost = rows.filter(columns.mask(gone[at])), gone[at]
            first = columns.pick(keys.column("id"), head[at][lost])
            reasons = np.where(placeholder[at][lost], "placeholder", "duplicate_image").tolist()
            yield tables.losses_of(dropped, "clean", reasons, _whose(dropped.column("sha256"), first, known))

    tables.hand_on_losses(task, "clean", losses())
    tables.write_parquet(
        task.new_file("samples", ".parquet"), united.united(pa.concat_tables(kept), texts.table())
    )


def similar(task: Task) -> None:
    """One of each connected group of near-duplicates.

    arg: {samples: [parquet path]}; params: links ([parquet path] of near.pairs), duplicates, incumbents.
    Hands on `dropped` (parquet of ids, sorted), `texts` (parquet: the id of a sample that stays, and texts of
    those that it stands for: text, source) and `losses`; counts what it kept.
    """
    paths, links = task.arg["samples"], [here(path) for path in task.params["links"]]
    count = sum(pq.read_metadata(footer(path)).num_rows for path in paths)
    known = incumbents(task.params["incumbents"])
    linked = _linked(links, count + known.num_rows)
    table = _rows_of(paths, linked[linked < count])
    known = known.take(linked[linked >= count] - count)
    found = (
        (np.searchsorted(linked, one), np.searchsorted(linked, other)) for one, other in map(_ends, links)
    )
    head = groups.heads(survivor.by_rule(*_rule(table)), known.num_rows, found)
    gone = head != np.arange(len(head))
    numbers, heads = linked[: len(head)][gone], head[gone]  # of rows that go, and who stands for them
    table = table.select(["id"])
    del linked, found
    everyone = pa.chunked_array([*table.column("id").chunks, *known.column("id").chunks], pa.string())
    radius, texts = task.params["duplicates"].radius, united.Gathered(alt_texts=True)

    def losses() -> Iterator[pa.Table]:
        for batch, at in _numbered(_batches(paths, _TEXTS)):
            some = slice(*np.searchsorted(numbers, (at.start, at.stop)))
            lost, of = columns.pick_rows(batch, numbers[some] - at.start), heads[some]
            ours = of < len(head)  # what is published never changes
            texts.offer(of[ours], lost if ours.all() else lost.filter(columns.mask(ours)))
            stands = columns.pick(everyone, of)
            evidence = pc.binary_join_element_wise(f"within {radius} bits of the group of", stands, " ")
            yield tables.losses_of(lost, "clean", "near_duplicate", evidence)

    tables.hand_on_losses(task, "clean", losses())
    gained = texts.table()
    gained = gained.set_column(0, "id", columns.pick(everyone, np.asarray(gained.column("owner"))))
    dropped = table.filter(columns.mask(gone)).sort_by("id")
    tables.write_parquet(task.new_file("dropped", ".parquet"), dropped)
    tables.write_parquet(task.new_file("texts", ".parquet"), gained)
    task.funnel["clean"].kept += count - dropped.num_rows


def _linked(links: Iterable[Path], count: int) -> NDArray[np.int64]:
    """The numbers, of so many, of all that is linked with anything, rising: only these are of interest."""
    linked = np.zeros(count, bool)
    for path in links:
        linked[np.concatenate(_ends(path))] = True
    return np.flatnonzero(linked)


def _ends(path: Path) -> groups.Links:
    table = pq.read_table(path)
    return np.asarray(table.column("one")), np.asarray(table.column("other"))


def _rows_of(paths: Iterable[str], numbers: NDArray[np.int64]) -> pa.Table:
    """What survivors are chosen by, of the samples with these numbers; numbers: rising, through all files."""
    found, start = [read([], _RULE)], 0
    for path in paths:
        table = read([path], _RULE)
        some = numbers[(numbers >= start) & (numbers < start + table.num_rows)] - start
        found.append(table if len(some) == table.num_rows else columns.pick_rows(table, some))
        start += table.num_rows
    return pa.concat_tables(found)


def _rule(table: pa.Table) -> tuple[NDArray[Any], ...]:
    """Columns that order duplicates, strongest first: area, text source, id (survivor.py)."""
    area = np.asarray(table.column("original_width")) * np.asarray(table.column("original_height"))
    return -area, united.rank(table.column("text_source")), *columns.digits(table.column("id"), 32)


def _placeholders(
    batches: Callable[[list[str]], Iterable[pa.RecordBatch]], head: NDArray[np.int64], rules: Duplicates
) -> NDArray[np.bool_]:
    """Which rows are of an image under at least so many captions, or on so many sites under several."""
    fewest = min(rules.placeholder_captions, rules.placeholder_hosts or rules.placeholder_captions)
    often = np.bincount(head, minlength=len(head))[head] >= fewest
    if not often.any():
        return often
    found = [pa.table({"image": pa.array([], pa.int64()), **dict.fromkeys(("caption", "site"), _NO_HASHES)})]
    for rows, at in _numbered(batches(["caption", "page_url", "url"])):
        some = rows.filter(columns.mask(often[at]))
        hashed = [hashes.hashed(some.column("caption")), _sites(some, rules)]
        found.append(pa.table([head[at][often[at]], *hashed], names=found[0].column_names))
    counted = pa.concat_tables(found)
    counts = counted.group_by("image").aggregate([("caption", "count_distinct"), ("site", "count_distinct")])
    captions, on = (np.asarray(counts.column(f"{name}_count_distinct")) for name in ("caption", "site"))
    many = captions >= rules.placeholder_captions
    if rules.placeholder_hosts is not None:
        many |= (on >= rules.placeholder_hosts) & (captions > 1)
    return np.isin(head, np.asarray(counts.column("image"))[many])


def _sites(rows: pa.Table, rules: Duplicates) -> hashes.Hashes:
    """A hash of the registrable domain that shows each, zeros where nobody asks."""
    if rules.placeholder_hosts is None:
        return np.zeros(rows.num_rows, np.uint64)
    known = pc.not_equal(rows.column("page_url"), "")
    names, of = sites.of(pc.if_else(known, rows.column("page_url"), rows.column("url")))
    return hashes.hashed(pa.chunked_array([names], pa.string()))[of]


def _whose(sha: pa.ChunkedArray, first: pa.ChunkedArray, known: pa.Table) -> pa.ChunkedArray:
    """Evidence: which image it is, and the published sample, else the one of this build, that it repeats."""
    published = known.column("id").take(pc.index_in(sha, known.column("sha256")))
    start = pc.utf8_slice_codeunits(sha, 0, 16)
    return pc.binary_join_element_wise("sha256 ", start, ", first is ", pc.coalesce(published, first), "")


def _known(path: str | None, sha: pa.ChunkedArray) -> pa.Table:
    """The incumbents with one of these hashes."""
    if path is None:
        return incumbents(None)
    batches = pq.ParquetFile(here(path)).iter_batches(columns=INCUMBENTS.names)
    found = [pa.table(batch).filter(pc.is_in(batch.column("sha256"), sha)) for batch in batches]
    return pa.concat_tables([incumbents(None), *found])


def incumbents(path: str | None) -> pa.Table:
    """What was published before: id, sha256, phash, phash_quality."""
    if path is None:
        return INCUMBENTS.empty_table()
    return pq.read_table(here(path), columns=INCUMBENTS.names)


def read(paths: Iterable[str], names: list[str]) -> pa.Table:
    """Some columns of all these samples."""
    empty = pa.schema([SAMPLE_SCHEMA.field(name) for name in names]).empty_table()
    return pa.concat_tables([empty, *(pq.read_table(here(path), columns=names) for path in paths)])


def _batches(paths: Iterable[str], names: list[str]) -> Iterator[pa.RecordBatch]:
    """The same, some rows at a time."""
    for path in paths:
        yield from pq.ParquetFile(here(path)).iter_batches(BATCH, columns=names)


def _chosen(batches: Iterable[pa.RecordBatch], chosen: NDArray[np.bool_]) -> Iterator[pa.RecordBatch]:
    """Of all rows these."""
    start = 0
    for batch in batches:
        yield batch.filter(columns.mask(chosen[start : start + len(batch)]))
        start += len(batch)


def _numbered(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[pa.Table, slice]]:
    """Each as a table, and which rows of all it has."""
    start = 0
    for batch in batches:
        yield pa.table(batch), slice(start, start := start + len(batch))


def _table(batches: Iterable[pa.RecordBatch], names: list[str]) -> pa.Table:
    schema = pa.schema([SAMPLE_SCHEMA.field(name) for name in names])
    return pa.Table.from_batches([batch.select(names) for batch in batches], schema)
