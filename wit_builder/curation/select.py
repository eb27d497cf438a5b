"""Which candidates are worth a download? Language, filters, then one of each (URL, text) and of each URL.

Two stages: `judge` over the collected parts, shuffled by URL; `unique` over partitions of URLs, shuffled by
registrable domain, so that one fetch task owns a domain.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from wit_builder.curation import survivor, tables
from wit_builder.engine import columns, shuffle
from wit_builder.engine.task import Task
from wit_builder.extract import united
from wit_builder.records import CANDIDATE_SCHEMA, candidates
from wit_builder.text import language
from wit_builder.web.url import host_of, registrable_domain

BATCH = 8_192  # rows in memory as records at a time

_WHERE = ["page_url", "page_title", "page_lang", "licence", "source", "text_source", "alt_texts"]


def judge(task: Task) -> None:
    """Identifies languages and filters the candidates of some parts.

    arg: {parts: [parquet path]}; params: filters, partitions (of URLs).
    Hands on `candidates` (a shuffle file by URL) and `losses`.
    """
    kept, losses = [CANDIDATE_SCHEMA.empty_table()], []
    for part in task.arg["parts"]:
        for batch in pq.ParquetFile(part).iter_batches(BATCH):
            rows = _with_language(pa.table(batch))
            survivors, dropped = tables.judged(rows, candidates(rows), task.params["filters"], "select")
            kept.append(survivors)
            losses.append(dropped)
    table = pa.concat_tables(kept)
    partitions = task.params["partitions"]
    part_of = shuffle.partition_of(table.column("url").to_pylist(), partitions)
    shuffle.write(task.new_file("candidates", ".shuffle"), table, part_of, partitions)
    tables.hand_on_losses(task, "select", losses)


def unique(task: Task) -> None:
    """One of each (URL, text), then one of each URL, whose other captions travel along as alt_texts.

    arg: partition; params: inputs ([shuffle path]), partitions (of URLs), bins (of domains).
    Hands on `candidates` (a shuffle file by domain) and `losses`.
    """
    inputs = [Path(path) for path in task.params["inputs"]]
    table = shuffle.read(inputs, task.arg, task.params["partitions"], CANDIDATE_SCHEMA)
    head = pair_heads(table)
    same_pair = _losses(table, head, "duplicate_pair", "kept from", "page_url")
    pairs = table.filter(columns.mask(_stays(head)))
    head = _url_heads(pairs)
    same_url = _losses(pairs, head, "duplicate_url", "kept as", "id")
    kept = _united(pairs, head)
    bins = task.params["bins"]
    domains = (registrable_domain(host_of(url)) for url in kept.column("url").to_pylist())
    shuffle.write(task.new_file("candidates", ".shuffle"), kept, shuffle.partition_of(domains, bins), bins)
    tables.hand_on_losses(task, "select", [same_pair, same_url])
    task.funnel["select"].kept += kept.num_rows


def pair_heads(table: pa.Table) -> NDArray[np.int64]:
    """For each candidate the row that stands for its pair (URL, text), whatever order they lie in."""
    ids = columns.fixed(table.column("id"), 32)
    order = survivor.by_rule(ids)
    same = ids[order][1:] == ids[order][:-1]
    repeated = np.zeros(len(ids), bool)
    repeated[order[1:][same]] = repeated[order[:-1][same]] = True
    tie = np.zeros(len(ids), np.uint64)
    tie[repeated] = _fingerprints(table.filter(columns.mask(repeated)))
    return survivor.heads(survivor.by_rule(ids, tie), ids)


def _with_language(rows: pa.Table) -> pa.Table:
    found = [_language(caption) for caption in rows.column("caption").to_pylist()]
    for name, values in zip(("lang", "lang_score"), zip(*found, strict=True), strict=True):
        field = CANDIDATE_SCHEMA.field(name)
        rows = rows.set_column(rows.schema.get_field_index(name), field, pa.array(values, field.type))
    return rows


@lru_cache(maxsize=65_536)  # captions come back, as a site says the same on every page
def _language(caption: str) -> tuple[str, float]:
    return language.identify([caption])[0]


def _fingerprints(table: pa.Table) -> NDArray[np.uint64]:
    """Orders equal pairs by where they stood."""
    hashes = (
        xxhash.xxh3_64_intdigest(repr(list(row.values())).encode())
        for batch in table.select(_WHERE).to_batches(BATCH)
        for row in batch.to_pylist()
    )
    return np.fromiter(hashes, np.uint64)


def _url_heads(table: pa.Table) -> NDArray[np.int64]:
    ids = columns.fixed(table.column("id"), 32)
    hashes = (xxhash.xxh3_128_digest(url.encode()) for url in table.column("url").to_pylist())
    urls = np.frombuffer(b"".join(hashes), "S16")
    return survivor.heads(survivor.by_rule(urls, united.rank(table.column("text_source")), ids), urls)


def _stays(head: NDArray[np.int64]) -> NDArray[np.bool_]:
    stays: NDArray[np.bool_] = head == np.arange(len(head))
    return stays


def _losses(table: pa.Table, head: NDArray[np.int64], reason: str, words: str, column: str) -> pa.Table:
    """The rows that do not head their group, with that column of the one that does as evidence."""
    gone = ~_stays(head)
    kept = columns.pick(table.column(column), head[gone])
    evidence = pc.binary_join_element_wise(words, kept, " ")
    return tables.losses_of(table.filter(columns.mask(gone)), "select", reason, evidence)


def _united(table: pa.Table, head: NDArray[np.int64]) -> pa.Table:
    """The rows that stay; the captions of those that go are added to their alt_texts."""
    stays = _stays(head)
    place = np.cumsum(stays) - 1  # of a row that stays
    lost = table.filter(columns.mask(~stays))
    texts = united.ranked(place[head[~stays]], lost, alt_texts=False)
    return united.united(table.filter(columns.mask(stays)), texts)
