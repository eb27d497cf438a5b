"""Which candidates are worth a download? Language, filters, queries, then one of each (URL, text) and each URL.

Two stages: `judge` over the collected parts, shuffled by URL; `unique` over partitions of URLs, shuffled by
registrable domain, so that one fetch task owns a domain.
"""

from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from wit_builder.blocklist import blocked
from wit_builder.curation import matched, survivor, tables
from wit_builder.engine import columns, shuffle
from wit_builder.engine.task import Task
from wit_builder.extract.captions import MAX_TEXTS
from wit_builder.records import CANDIDATE_SCHEMA, candidates
from wit_builder.text import language
from wit_builder.text.language import LanguageModel
from wit_builder.web.url import host_of, registrable_domain

BATCH = 8_192  # rows in memory as records at a time

_WHERE = ["page_url", "page_title", "page_lang", "licence", "source", "text_source", "alt_texts"]


def judge(task: Task) -> None:
    """Identifies languages, filters the candidates of some parts and finds the queries of those it keeps.

    What is blocked goes first.

    arg: {parts: [parquet path]}; params: language (LanguageModel), filters, partitions (of URLs), queries, list
    (path of the list of queries; read where there are any).
    Hands on `candidates` (a shuffle file by URL) and `losses`.
    """
    filters = (blocked.of(task).candidate, *task.params["filters"])
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


def _with_language(rows: pa.Table, model: LanguageModel) -> pa.Table:
    found = [_language(caption, model.path) for caption in rows.column("caption").to_pylist()]
    for name, values in zip(("lang", "lang_score"), zip(*found, strict=True), strict=True):
        field = CANDIDATE_SCHEMA.field(name)
        rows = rows.set_column(rows.schema.get_field_index(name), field, pa.array(values, field.type))
    return rows


@lru_cache(maxsize=65_536)  # captions come back, as a site says the same on every page
def _language(caption: str, path: Path | None) -> tuple[str, float]:
    return language.identify([caption], path)[0]


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
    return survivor.heads(survivor.by_rule(urls, survivor.text_rank(table.column("text_source")), ids), urls)


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
    """The rows that stay; the captions of those that go are added to their alt_texts, strongest first."""
    gained = _gained(table, head)
    richer = np.zeros(table.num_rows, bool)
    richer[list(gained)] = True
    plain = table.filter(columns.mask(_stays(head) & ~richer))
    rows = table.filter(columns.mask(richer))
    texts = [
        [*old, *(text for text in new if text not in old)]
        for old, new in zip(rows.column("alt_texts").to_pylist(), gained.values(), strict=True)
    ]
    place = table.schema.get_field_index("alt_texts")
    field = table.schema.field(place)
    return pa.concat_tables([plain, rows.set_column(place, field, pa.array(texts, field.type))])


def _gained(table: pa.Table, head: NDArray[np.int64]) -> dict[int, list[dict[str, Any]]]:
    """By rising row number: the captions that a row gets from those it stands for, 16 at most."""
    lost = np.flatnonzero(~_stays(head))
    ranks = survivor.text_rank(table.column("text_source"))[lost]
    lost = lost[survivor.by_rule(head[lost], ranks, columns.fixed(table.column("id"), 32)[lost])]
    lost = lost[survivor.places(head[lost]) < MAX_TEXTS]  # one URL may come with 100,000 captions
    texts = (columns.pick(table.column(name), lost).to_pylist() for name in ("caption", "text_source"))
    gained: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row, caption, source in zip(head[lost].tolist(), *texts, strict=True):
        gained[row].append({"text": caption, "source": source})
    return gained
