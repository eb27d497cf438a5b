"""Which candidates are worth a download? Language, filters, queries, then one of each (URL, text) and each URL.

Two stages: `judge` over the collected parts, shuffled by URL; `unique` over partitions of URLs, shuffled by
registrable domain, so that one fetch task owns a domain.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder.blocklist import blocked
from wit_builder.curation import boilerplate, matched, sites, survivor, tables
from wit_builder.engine import columns, hashes, shuffle
from wit_builder.engine.task import Task
from wit_builder.extract import united
from wit_builder.records import CANDIDATE_SCHEMA, candidates
from wit_builder.text import language
from wit_builder.text.language import LanguageModel

BATCH = 8_192  # rows in memory as records at a time

_WHERE = ["page_url", "page_title", "page_lang", "licence", "source", "text_source", "alt_texts"]


def judge(task: Task) -> None:
    """Identifies languages, filters the candidates of some parts and finds the queries of those it keeps.

    What is blocked goes first.

    arg: {parts: [parquet path]}; params: language (LanguageModel), filters, duplicates, partitions (of URLs),
    queries, list (path of the list of queries; read where there are any).
    Hands on `candidates` (a shuffle file by URL), `losses`, and what boilerplate.py asks for.
    """
    filters = (*blocked.of(task).of_candidates, *task.params["filters"])
    kept, losses = [CANDIDATE_SCHEMA.empty_table()], []
    for part in task.arg["parts"]:
        for batch in pq.ParquetFile(part).iter_batches(BATCH):
            rows = _with_language(pa.table(batch), task.params["language"])
            survivors, dropped = tables.judged(rows, candidates(rows), filters, "select")
            losses.append(dropped)
            if task.params["queries"] is not None:
                survivors, dropped = matched.judged(survivors, task.params["queries"], task.params["list"])
                losses.append(dropped)
            kept.append(survivors)
    hand_on_by_url(task, pa.concat_tables(kept))
    boilerplate.hand_on_captions(task, pa.concat_tables(kept))
    tables.hand_on_losses(task, "select", losses)


def hand_on_by_url(task: Task, candidates: pa.Table) -> None:
    """Write these candidates as a shuffle file by URL. params: partitions."""
    partitions = task.params["partitions"]
    part_of = shuffle.spread(hashes.hashed(candidates.column("url")), partitions)
    shuffle.write(task.new_file("candidates", ".shuffle"), candidates, part_of, partitions)


def unique(task: Task) -> None:
    """One of each (URL, text), then one of each URL, whose other captions travel along as alt_texts.

    What is spread too widely goes before. arg: partition; params: inputs ([shuffle path]), partitions (of URLs),
    bins (of domains), duplicates, boilerplate ([shuffle path] of boilerplate.captions).
    Hands on `candidates` (a shuffle file by domain) and `losses`.
    """
    inputs = [Path(path) for path in task.params["inputs"]]
    table = shuffle.read(inputs, task.arg, task.params["partitions"], CANDIDATE_SCHEMA)
    table, losses = boilerplate.without(task, table)
    pair = pair_heads(table)
    head = _url_heads(table, np.flatnonzero(_stays(pair)))
    losses.append(_losses(table, pair, "duplicate_pair", "kept from", "page_url"))
    losses.append(_losses(table, head, "duplicate_url", "kept as", "id"))
    stays = _stays(pair) & _stays(head)
    bins = task.params["bins"]
    names, site = sites.of(table.column("url"))
    part_of = shuffle.partition_of(names, bins)[site]
    rows, richer = united.enriched(table, _captions_for(table, head))
    left = np.where(stays, part_of, -1)
    left[rows] = -1
    kept, part_of = pa.concat_tables([table, richer]), np.concatenate([left, part_of[rows]])
    shuffle.write(task.new_file("candidates", ".shuffle"), kept, part_of, bins)
    tables.hand_on_losses(task, "select", losses)
    task.funnel["select"].kept += int(stays.sum())


def pair_heads(table: pa.Table) -> NDArray[np.int64]:
    """For each candidate the row that stands for its pair (URL, text), whatever order they lie in."""
    ids = columns.digits(table.column("id"), 32)
    return survivor.heads(ids, lambda rows: [_stood(columns.pick_rows(table.select(_WHERE), rows))])


def _with_language(rows: pa.Table, model: LanguageModel) -> pa.Table:
    found = [_language(caption, model.path) for caption in rows.column("caption").to_pylist()]
    for name, values in zip(("lang", "lang_score"), zip(*found, strict=True), strict=True):
        field = CANDIDATE_SCHEMA.field(name)
        rows = rows.set_column(rows.schema.get_field_index(name), field, pa.array(values, field.type))
    return rows


@lru_cache(maxsize=65_536)  # captions come back, as a site says the same on every page
def _language(caption: str, path: Path | None) -> tuple[str, float]:
    return language.identify([caption], path)[0]


def _stood(table: pa.Table) -> hashes.Hashes:
    """A hash of where each pair stood, which orders equal ones."""
    texts, row = united.flat(table)
    of_texts = hashes.hashed(texts.column("text"), hashes.hashed(texts.column("source")))
    place = np.arange(len(row)) - np.searchsorted(row, row)
    stood = np.zeros(table.num_rows, np.uint64)
    np.add.at(stood, row, of_texts * (2 * place + 1).astype(np.uint64))  # so that their order matters
    for name in _WHERE[:-1]:
        stood = hashes.hashed(table.column(name), stood)
    return stood


def _url_heads(table: pa.Table, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each of these rows the one that stands for its URL, which 128 bits tell from others; else itself."""
    url = table.column("url")
    identity = [hashes.hashed(url, seed)[pairs] for seed in (0, 1)]
    rule = [united.rank(table.column("text_source")), *columns.digits(table.column("id"), 32)]
    head = np.arange(table.num_rows)
    head[pairs] = pairs[survivor.heads(identity, lambda rows: [key[pairs[rows]] for key in rule])]
    return head


def _stays(head: NDArray[np.int64]) -> NDArray[np.bool_]:
    stays: NDArray[np.bool_] = head == np.arange(len(head))
    return stays


def _losses(table: pa.Table, head: NDArray[np.int64], reason: str, words: str, column: str) -> pa.Table:
    """The rows that do not head their group, with that column of the one that does as evidence."""
    gone = np.flatnonzero(~_stays(head))
    evidence = pc.binary_join_element_wise(words, columns.pick(table.column(column), head[gone]), " ")
    rows = columns.pick_rows(table.select(tables.OF_LOSSES), gone)
    return tables.losses_of(rows, "select", reason, evidence)


def _captions_for(table: pa.Table, head: NDArray[np.int64]) -> pa.Table:
    """The captions of the rows that go, for the rows that head their groups."""
    gone = np.flatnonzero(~_stays(head))
    return united.ranked(head[gone], columns.pick_rows(table.select(united.READS), gone), alt_texts=False)
