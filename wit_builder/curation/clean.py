"""Which samples stay? Filters that see the picture, then one of each image, then one of each near-duplicate.

Four stages: `judge` over the fetched samples, shuffled by sha256; `exact` over partitions of sha256; near.py's
`pairs` over the perceptual hashes of all that is left; `similar`, one task, over what those connect.

`incumbents` are samples published before (a retry adds to a finished build): they are never dropped, and
what duplicates them is.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder.curation import groups, sites, survivor, tables
from wit_builder.curation.settings import Duplicates
from wit_builder.engine import columns, shuffle
from wit_builder.engine.task import Task
from wit_builder.extract import united
from wit_builder.records import SAMPLE_SCHEMA, Sample, samples
from wit_builder.shards import staged

BATCH = 8_192  # rows in memory as records at a time
INCUMBENT_COLUMNS = ["id", "sha256", "phash"]

_TEXTS = ["id", "url", "caption", "text_source", "alt_texts"]
_RULE = ["id", "original_width", "original_height", "text_source"]  # what survivors are chosen by


def judge(task: Task) -> None:
    """Applies the sample filters.

    arg: {samples: [parquet path]}; params: filters, partitions (of sha256), staged (folder that Sample.tar is
    relative to).
    Hands on `samples` (a shuffle file by sha256) and `losses`.
    """
    folder, rules = Path(task.params["staged"]), task.params["filters"]
    kept, losses = [SAMPLE_SCHEMA.empty_table()], []
    for path in task.arg["samples"]:
        for batch in pq.ParquetFile(path).iter_batches(BATCH):
            rows = pa.table(batch)
            survivors, dropped = tables.judged(rows, samples(rows), rules, "clean", partial(_image, folder))
            kept.append(survivors)
            losses.append(dropped)
    table = pa.concat_tables(kept)
    partitions = task.params["partitions"]
    part_of = shuffle.spread(columns.digits(table.column("sha256"), 64)[0], partitions)
    shuffle.write(task.new_file("samples", ".shuffle"), table, part_of, partitions)
    tables.hand_on_losses(task, "clean", losses)


def _image(folder: Path, sample: Sample) -> bytes:
    return staged.image(folder, sample.tar, sample.offset, sample.length)


def exact(task: Task) -> None:
    """One of each image by sha256 of its bytes, with the captions of the others; placeholders go altogether.

    arg: partition; params: inputs, partitions, duplicates, incumbents.
    Hands on `samples` (parquet) and `losses`.
    """
    inputs = [Path(path) for path in task.params["inputs"]]
    table = shuffle.read(inputs, task.arg, task.params["partitions"], SAMPLE_SCHEMA)
    sha = columns.digits(table.column("sha256"), 64)
    head = survivor.heads(sha, lambda rows: [key[rows] for key in _rule(table)])
    placeholder = _placeholders(table, head, task.params["duplicates"])
    known = _known(task.params["incumbents"], table.column("sha256"))
    published = np.asarray(pc.is_in(table.column("sha256"), known.column("sha256")))
    repeats = head != np.arange(len(head))
    gone = placeholder | published | repeats
    dropped = table.filter(columns.mask(gone))
    first = columns.pick(table.column("id"), head[gone])
    reasons = np.where(placeholder[gone], "placeholder", "duplicate_image").tolist()
    losses = tables.losses_of(dropped, "clean", reasons, _whose(dropped.column("sha256"), first, known))
    giving = repeats & ~placeholder & ~published
    place = np.cumsum(~gone) - 1  # of a row that stays
    texts = united.ranked(place[head[giving]], table.filter(columns.mask(giving)), alt_texts=True)
    kept = united.united(table.filter(columns.mask(~gone)), texts)
    tables.write_parquet(task.new_file("samples", ".parquet"), kept)
    tables.hand_on_losses(task, "clean", [losses])


def similar(task: Task) -> None:
    """One of each connected group of near-duplicates.

    arg: {samples: [parquet path]}; params: links ([parquet path] of near.pairs), duplicates, incumbents.
    Hands on `dropped` (parquet of ids, sorted), `texts` (parquet: the id of a sample that stays, and texts of
    those that it stands for: text, source) and `losses`; counts what it kept.
    """
    links = [Path(path) for path in task.params["links"]]
    linked, count = _linked(links), sum(pq.read_metadata(path).num_rows for path in task.arg["samples"])
    table = _rows_of(task.arg["samples"], linked[linked < count])
    known = incumbents(task.params["incumbents"]).take(linked[linked >= count] - count)
    found = (
        (np.searchsorted(linked, one), np.searchsorted(linked, other)) for one, other in map(_ends, links)
    )
    head = groups.heads(survivor.by_rule(*_rule(table)), known.num_rows, found)
    gone = np.flatnonzero(head != np.arange(len(head)))
    everyone = pa.chunked_array([*table.column("id").chunks, *known.column("id").chunks], pa.string())
    dropped = pa.table({"id": columns.pick(table.column("id"), gone), "head": head[gone]}).sort_by("id")
    lost = _texts_of(task.arg["samples"], dropped)
    stands = columns.pick(everyone, np.asarray(lost.column("head")))
    radius = task.params["duplicates"].radius
    evidence = pc.binary_join_element_wise(f"within {radius} bits of the group of", stands, " ")
    losses = tables.losses_of(lost, "clean", "near_duplicate", evidence)
    giving = lost.filter(pc.less(lost.column("head"), table.num_rows))  # what is published never changes
    texts = united.ranked(np.asarray(giving.column("head")), giving, alt_texts=True)
    owner = columns.pick(everyone, np.asarray(texts.column("owner")))
    texts = texts.set_column(0, "id", owner)
    tables.write_parquet(task.new_file("dropped", ".parquet"), dropped.select(["id"]))
    tables.write_parquet(task.new_file("texts", ".parquet"), texts)
    tables.hand_on_losses(task, "clean", [losses])
    task.funnel["clean"].kept += count - len(gone)


def _linked(links: Iterable[Path]) -> NDArray[np.int64]:
    """The numbers of all that is linked with anything, rising: only these are of interest."""
    linked = np.array([], np.int64)
    for path in links:
        linked = np.union1d(linked, np.concatenate(_ends(path)))
    return linked


def _ends(path: Path) -> groups.Links:
    table = pq.read_table(path)
    return np.asarray(table.column("one")), np.asarray(table.column("other"))


def _rows_of(paths: Iterable[str], numbers: NDArray[np.int64]) -> pa.Table:
    """What survivors are chosen by, of the samples with these numbers; numbers: rising, through all files."""
    found, start = [read([], _RULE)], 0
    for path in paths:
        table = read([path], _RULE)
        here = numbers[(numbers >= start) & (numbers < start + table.num_rows)] - start
        found.append(columns.pick_rows(table, here))
        start += table.num_rows
    return pa.concat_tables(found)


def _rule(table: pa.Table) -> tuple[NDArray[Any], ...]:
    """Columns that order duplicates, strongest first: area, text source, id (survivor.py)."""
    area = np.asarray(table.column("original_width")) * np.asarray(table.column("original_height"))
    return -area, united.rank(table.column("text_source")), *columns.digits(table.column("id"), 32)


def _placeholders(table: pa.Table, head: NDArray[np.int64], rules: Duplicates) -> NDArray[np.bool_]:
    """Which rows are of an image under at least so many captions, or on so many sites under several."""
    fewest = min(rules.placeholder_captions, rules.placeholder_hosts or rules.placeholder_captions)
    often = np.flatnonzero(np.bincount(head, minlength=len(head))[head] >= fewest)
    rows = columns.pick_rows(table.select(["caption", "page_url", "url"]), often)
    counted = pa.table({"image": head[often], "caption": rows.column("caption"), "site": _sites(rows, rules)})
    counts = counted.group_by("image").aggregate([("caption", "count_distinct"), ("site", "count_distinct")])
    captions, on = (np.asarray(counts.column(f"{name}_count_distinct")) for name in ("caption", "site"))
    found = captions >= rules.placeholder_captions
    if rules.placeholder_hosts is not None:
        found |= (on >= rules.placeholder_hosts) & (captions > 1)
    return np.isin(head, np.asarray(counts.column("image"))[found])


def _sites(rows: pa.Table, rules: Duplicates) -> NDArray[np.int64]:
    """A number for the registrable domain that shows each, zeros where nobody asks."""
    if rules.placeholder_hosts is None:
        return np.zeros(rows.num_rows, np.int64)
    known = pc.not_equal(rows.column("page_url"), "")
    names, of = sites.of(pc.if_else(known, rows.column("page_url"), rows.column("url")))
    return np.unique(names, return_inverse=True)[1][of]


def _whose(sha: pa.ChunkedArray, first: pa.ChunkedArray, known: pa.Table) -> pa.ChunkedArray:
    """Evidence: which image it is, and the published sample, else the one of this build, that it repeats."""
    published = known.column("id").take(pc.index_in(sha, known.column("sha256")))
    start = pc.utf8_slice_codeunits(sha, 0, 16)
    return pc.binary_join_element_wise("sha256 ", start, ", first is ", pc.coalesce(published, first), "")


def _known(path: str | None, sha: pa.ChunkedArray) -> pa.Table:
    """The incumbents with one of these hashes."""
    if path is None:
        return incumbents(None)
    batches = pq.ParquetFile(path).iter_batches(columns=INCUMBENT_COLUMNS)
    found = [pa.table(batch).filter(pc.is_in(batch.column("sha256"), sha)) for batch in batches]
    return pa.concat_tables([incumbents(None), *found])


def incumbents(path: str | None) -> pa.Table:
    """What was published before: id, sha256, phash."""
    if path is None:
        return pa.schema([(name, pa.string()) for name in INCUMBENT_COLUMNS]).empty_table()
    return pq.read_table(path, columns=INCUMBENT_COLUMNS)


def read(paths: Iterable[str], names: list[str]) -> pa.Table:
    """Some columns of all these samples."""
    empty = pa.schema([SAMPLE_SCHEMA.field(name) for name in names]).empty_table()
    return pa.concat_tables([empty, *(pq.read_table(path, columns=names) for path in paths)])


def _texts_of(paths: Iterable[str], rows: pa.Table) -> pa.Table:
    """The rows, which have an id, with their url and texts; these few are read only now. rows: sorted by id."""
    found = [read([], _TEXTS)]
    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches(columns=_TEXTS):
            found.append(pa.table(batch).filter(pc.is_in(batch.column("id"), rows.column("id"))))
    table = pa.concat_tables(found)
    order = np.argsort(columns.fixed(table.column("id"), 32))
    return table.take(pa.array(order)).append_column("head", rows.column("head"))
