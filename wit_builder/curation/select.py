"""Which candidates are worth a download? Language, filters, then one of each (URL, text) and of each URL.

Two stages: `judge` over the collected parts, shuffled by URL; `unique` over partitions of URLs, shuffled by
registrable domain, so that one fetch task owns a domain.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from wit_builder import filtering
from wit_builder.curation import survivor, tables
from wit_builder.engine import shuffle
from wit_builder.engine.task import Task
from wit_builder.records import CANDIDATE_SCHEMA, Candidate, Loss, candidates, to_table
from wit_builder.text import language
from wit_builder.web.url import host_of, registrable_domain

BATCH = 8_192  # rows in memory as records at a time


def judge(task: Task) -> None:
    """Filters the candidates of some parts.

    arg: {parts: [parquet path]}; params: filters, partitions (of URLs).
    Hands on `candidates` (a shuffle file by URL) and `losses`.
    """
    kept: list[pa.Table] = []
    losses: list[Loss] = []
    for part in task.arg["parts"]:
        for batch in pq.ParquetFile(part).iter_batches(BATCH):
            survivors, dropped = _judge_batch(list(candidates(batch)), task.params["filters"])
            kept.append(to_table(survivors, CANDIDATE_SCHEMA))
            losses.extend(dropped)
            for loss in dropped:
                task.funnel["select"].drop(loss.reason)
    table = pa.concat_tables(kept) if kept else CANDIDATE_SCHEMA.empty_table()
    partitions = task.params["partitions"]
    part_of = shuffle.partition_of(table.column("url").to_pylist(), partitions)
    shuffle.write(task.new_file("candidates", ".shuffle"), table, part_of, partitions)
    tables.write_losses(task.new_file("losses", ".parquet"), losses)


def _judge_batch(
    rows: list[Candidate], filters: tuple[filtering.Filter[Candidate], ...]
) -> tuple[list[Candidate], list[Loss]]:
    now = datetime.now(UTC)
    kept, lost = [], []
    for row, (lang, score) in zip(rows, language.identify([row.caption for row in rows]), strict=True):
        item = row.with_language(lang, score)
        verdict = filtering.judge(item, filters)
        if verdict.reason is None:
            kept.append(item)
        else:
            lost.append(
                Loss(item.id, "select", verdict.reason, item.url, item.caption, verdict.evidence, now)
            )
    return kept, lost


def unique(task: Task) -> None:
    """One of each (URL, text), then one of each URL, whose other captions travel along as alt_texts.

    arg: partition; params: inputs ([shuffle path]), partitions (of URLs), bins (of domains).
    Hands on `candidates` (a shuffle file by domain) and `losses`.
    """
    inputs = [Path(path) for path in task.params["inputs"]]
    table = shuffle.read(inputs, task.arg, task.params["partitions"], CANDIDATE_SCHEMA)
    pairs, losses = _drop_behind_head(table, pair_heads(table), "duplicate_pair", _where)
    heads = _url_heads(pairs)
    kept, more = _drop_behind_head(_unite_texts(pairs, heads), heads, "duplicate_url", _which)
    for loss in (losses := losses + more):
        task.funnel["select"].drop(loss.reason)
    task.funnel["select"].kept += kept.num_rows
    bins = task.params["bins"]
    domains = (registrable_domain(host_of(url)) for url in kept.column("url").to_pylist())
    shuffle.write(task.new_file("candidates", ".shuffle"), kept, shuffle.partition_of(domains, bins), bins)
    tables.write_losses(task.new_file("losses", ".parquet"), losses)


def pair_heads(table: pa.Table) -> NDArray[np.int64]:
    """For each candidate the row that stands for its pair (URL, text), whatever order they lie in."""
    ids = tables.ascii_column(table.column("id"), 32)
    tie = np.fromiter((_fingerprint(row) for row in table.to_pylist()), np.uint64)
    return survivor.heads(survivor.by_rule(ids, tie), ids)


def _fingerprint(row: dict[str, object]) -> int:
    """Orders equal pairs by where they stood, whatever order they were found in."""
    return xxhash.xxh3_64_intdigest(
        repr([value for name, value in row.items() if name != "found_at"]).encode()
    )


def _url_heads(table: pa.Table) -> NDArray[np.int64]:
    ids = tables.ascii_column(table.column("id"), 32)
    urls = np.array(
        [xxhash.xxh3_128_hexdigest(url.encode()) for url in table.column("url").to_pylist()], dtype="S32"
    )
    return survivor.heads(survivor.by_rule(urls, survivor.text_rank(table.column("text_source")), ids), urls)


def _where(table: pa.Table, head: int) -> str:
    return f"kept from {table.column('page_url')[head].as_py()}"


def _which(table: pa.Table, head: int) -> str:
    return f"kept as {table.column('id')[head].as_py()}"


def _drop_behind_head(
    table: pa.Table, head: NDArray[np.int64], reason: str, evidence: Callable[[pa.Table, int], str]
) -> tuple[pa.Table, list[Loss]]:
    rows = np.arange(table.num_rows)
    lost = np.flatnonzero(head != rows)
    losses = tables.losses_of(
        table.take(pa.array(lost)),
        "select",
        [reason] * len(lost),
        [evidence(table, int(h)) for h in head[lost]],
    )
    return table.take(pa.array(np.flatnonzero(head == rows))), losses


def _unite_texts(table: pa.Table, head: NDArray[np.int64]) -> pa.Table:
    """The table with each lost caption added to the alt_texts of the row that stands for it."""
    lost = np.flatnonzero(head != np.arange(table.num_rows))
    if not len(lost):
        return table
    texts = table.column("alt_texts").to_pylist()
    ranks = survivor.text_rank(table.column("text_source"))
    ids = tables.ascii_column(table.column("id"), 32)
    for row in lost[survivor.by_rule(ranks[lost], ids[lost])].tolist():
        text = {
            "text": table.column("caption")[row].as_py(),
            "source": table.column("text_source")[row].as_py(),
        }
        if text not in texts[head[row]]:
            texts[head[row]] = [*texts[head[row]], text]
    place = table.schema.get_field_index("alt_texts")
    field = table.schema.field(place)
    return table.set_column(place, field, pa.array(texts, type=field.type))
