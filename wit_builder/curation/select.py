"""Which candidates are worth a download? Language, filters, queries, then one of each (URL, text) and each URL.

Two stages: `judge` over the collected parts, whose candidates are sent to the bin of their registrable domain, so
that one fetch task owns a domain; `unique` over these bins. It says which rows stay, for what stays is not written
again, but for those that take captions along.
"""

from collections.abc import Iterator, Sequence
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
from wit_builder.mirror import here
from wit_builder.records import CANDIDATE_SCHEMA, candidates
from wit_builder.text import language
from wit_builder.text.language import LanguageModel

BATCH = 8_192  # rows in memory as records at a time
ROWS = 500_000  # that may be duplicates, in memory at a time: 0.5 GB

_WHERE = ["page_url", "page_title", "page_lang", "licence", "source", "text_source", "alt_texts"]


def judge(task: Task) -> None:
    """Identifies languages, filters the candidates of some parts and finds the queries of those it keeps.

    What is blocked goes first.

    arg: {parts: [parquet path]}; params: language (LanguageModel), filters, duplicates, bins (of domains), queries,
    list (path of the list of queries; read where there are any).
    Hands on `candidates` (a shuffle file by domain), `losses`, and what boilerplate.py asks for.
    """
    filters = (*blocked.of(task).of_candidates, *task.params["filters"])
    kept, losses = [CANDIDATE_SCHEMA.empty_table()], []
    for part in task.arg["parts"]:
        for batch in pq.ParquetFile(here(part)).iter_batches(BATCH):
            rows = _with_language(pa.table(batch), task.params["language"])
            survivors, dropped = tables.judged(rows, candidates(rows), filters, "select")
            losses.append(dropped)
            if task.params["queries"] is not None:
                survivors, dropped = matched.judged(survivors, task.params["queries"], task.params["list"])
                losses.append(dropped)
            kept.append(survivors)
    hand_on_by_domain(task, pa.concat_tables(kept))
    tables.hand_on_losses(task, "select", losses)


def hand_on_by_domain(task: Task, candidates: pa.Table) -> None:
    """Write these candidates as a shuffle file by registrable domain. params: bins, and those of boilerplate.py."""
    bins = task.params["bins"]
    names, site = sites.of(candidates.column("url"))
    bin_of = shuffle.partition_of(names, bins)[site]
    shuffle.write(task.new_file("candidates", ".shuffle"), candidates, bin_of, bins)
    boilerplate.hand_on_captions(task, candidates, bin_of)


def unique(task: Task) -> None:
    """One of each (URL, text), then one of each URL, whose other captions travel along as alt_texts.

    What is spread too widely goes before. Most candidates are alone with their URL: only of the others more is read
    than that, some URLs at a time.

    arg: bin; params: inputs ([shuffle path]), bins (of domains), duplicates, boilerplate ([shuffle path]).
    Hands on `richer`, shuffle files by domain of candidates that took captions along; `stays` (npy), which of the
    bin's rows in `inputs` and then in `richer` stay; and `losses`.
    """
    inputs, bins = [Path(path) for path in task.params["inputs"]], task.params["bins"]
    urls, looked_at = _first_look(task, inputs)
    stays = ~looked_at
    gained = 0
    for turn, rows in enumerate(_turns(urls, np.flatnonzero(looked_at))):
        table = shuffle.read(inputs, task.arg, bins, CANDIDATE_SCHEMA, columns.marked(rows, len(urls)))
        wide, losses = boilerplate.found(task, table)
        if wide.any():
            rows, table = rows[~wide], table.filter(columns.mask(~wide))
        left, richer, duplicates = _one_of_each(table)
        stays[rows[left]] = True
        gained += richer.num_rows
        shuffle.write(
            task.new_file("richer", f".{turn}.shuffle"), richer, np.full(richer.num_rows, task.arg), bins
        )
        tables.hand_on_losses(task, "select", losses + duplicates, turn)
    stays = np.append(stays, np.ones(gained, bool))
    tables.write_array(task.new_file("stays", ".npy"), stays)
    task.funnel["select"].kept += int(stays.sum())


def _first_look(task: Task, inputs: Sequence[Path]) -> tuple[hashes.Hashes, NDArray[np.bool_]]:
    """Of each row of a bin a hash of its URL, and whether it may not be alone with it or may be boilerplate."""
    spread = boilerplate.widespread(task)
    urls, suspected = [np.array([], np.uint64)], [np.array([], bool)]
    names = ["url", "caption"] if spread.num_rows else ["url"]
    for batch in shuffle.batches(inputs, task.arg, task.params["bins"], names):
        rows = pa.table(batch)
        urls.append(hashes.hashed(rows.column("url")))
        suspected.append(boilerplate.among(spread, rows))
    hashed = np.concatenate(urls)
    looked_at = np.concatenate(suspected)
    looked_at[survivor.repeated(hashed)] = True
    return hashed, looked_at


def _turns(urls: hashes.Hashes, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """These rows in portions of about ROWS, all of a URL in one."""
    turns = -(-len(rows) // ROWS)
    turn_of = shuffle.spread(urls[rows], turns) if turns > 1 else np.zeros(len(rows), np.int64)
    return (rows[turn_of == turn] for turn in range(turns))


def _one_of_each(table: pa.Table) -> tuple[NDArray[np.int64], pa.Table, list[pa.Table]]:
    """The rows that stay as they are, those that stay with more captions, and the losses; of some URLs all rows."""
    pair = pair_heads(table)
    head = _url_heads(table, np.flatnonzero(_stays(pair)))
    losses = [
        _losses(table, pair, "duplicate_pair", "kept from", "page_url"),
        _losses(table, head, "duplicate_url", "kept as", "id"),
    ]
    rows, richer = united.enriched(table, _captions_for(table, head))
    left = _stays(pair) & _stays(head)
    left[rows] = False
    return np.flatnonzero(left), richer, losses


def pair_heads(table: pa.Table) -> NDArray[np.int64]:
    """For each candidate the row that stands for its pair (URL, text), whatever order they lie in."""
    ids = columns.digits(table.column("id"), 32)
    return survivor.heads(ids, lambda rows: [_stood(columns.pick_rows(table.select(_WHERE), rows))])


def _with_language(rows: pa.Table, model: LanguageModel) -> pa.Table:
    found = language.identify(rows.column("caption").to_pylist(), model.path)
    for name, values in zip(("lang", "lang_score"), zip(*found, strict=True), strict=True):
        field = CANDIDATE_SCHEMA.field(name)
        rows = rows.set_column(rows.schema.get_field_index(name), field, pa.array(values, field.type))
    return rows


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
