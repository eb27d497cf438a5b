"""Which candidates are worth a download? Language, filters, queries, then one of each (URL, text) and each URL.

Two stages: `judge` over the collected parts, whose candidates are sent to the bin of their registrable domain, so
that one fetch task owns a domain; `unique` over these bins. It says which rows stay, for what stays is not written
again, but for those that take captions along.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

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
ROWS = 1_500_000  # that may be duplicates, whose keys are in memory together
PIECE = 8 << 20  # bytes of some columns that are read together
RICHER = 32 << 20  # bytes of whole rows, which are written together

_PLACES = pa.schema([CANDIDATE_SCHEMA.field(name) for name in ("page_url", "source")])
_WHERE = ["page_url", "page_title", "page_lang", "licence", "source", "text_source", "alt_texts"]
_KEYS = ["id", "url", "text_source"]
_OF_LOST = [*tables.OF_LOSSES, "text_source"]  # what is read of rows that go


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
            survivors, dropped = tables.judged(rows, candidates, filters, "select")
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
        chosen = _Chosen(task, partial(_read, inputs, task.arg, bins, len(urls)), rows, urls[rows])
        tables.hand_on_losses(task, "select", chosen.losses(), turn)
        stays[rows[chosen.left]] = True
        for piece, richer in enumerate(chosen.richer()):
            gained += richer.num_rows
            path = task.new_file("richer", f".{turn}.{piece}.shuffle")
            shuffle.write(path, richer, np.full(richer.num_rows, task.arg), bins)
            del richer  # before the next piece comes
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


def _read(
    inputs: Sequence[Path],
    part: int,
    bins: int,
    count: int,
    rows: NDArray[np.int64],
    names: Sequence[str] | None = None,
) -> Iterator[pa.Table]:
    """These rows, which rise, of the `count` of a bin, and of them these columns; in pieces of as many bytes."""
    marks, size, start = columns.marked(rows, count), PIECE if names else RICHER, 0
    found, held = [], 0
    for batch in shuffle.batches(inputs, part, bins, names):
        here = marks[start : (start := start + len(batch))]
        if here.any():
            found.append(batch.filter(columns.mask(here)))
            held += found[-1].nbytes
            if held >= size:
                yield pa.Table.from_batches(found).combine_chunks()
                found, held = [], 0
    if found:
        yield pa.Table.from_batches(found).combine_chunks()


class _Chosen:
    """One of each pair and of each URL, of some URLs all rows. Of what goes only keys are in memory together.

    `left`: of these rows those that stay as they are.
    """

    def __init__(
        self,
        task: Task,
        read: Callable[..., Iterator[pa.Table]],
        rows: NDArray[np.int64],
        urls: hashes.Hashes,
    ) -> None:
        self._read, self._rows = read, rows
        self._over, self._counts = boilerplate.found(task, partial(read, rows), len(rows))
        keys = np.concatenate([np.empty((4, 0), np.uint64), *map(_keys, read(rows, _KEYS))], axis=1)
        self._ids, among = keys[:2], np.flatnonzero(self._over < 0)
        self._pair = _heads(len(rows), among, self._ids, self._stood)
        pairs = among[_stays(self._pair)[among]]
        url, rule = np.stack([urls, keys[2]]), keys[[3, 0, 1]]
        self._head = _heads(len(rows), pairs, url, lambda some: list(rule[:, some]))
        gone = ~_stays(self._head)
        self._rich = _different(self._head[gone], len(rows))
        self._lost = np.flatnonzero((self._over >= 0) | ~_stays(self._pair) | gone)
        self._texts = united.Gathered(alt_texts=False)
        self.left = ~columns.marked(np.concatenate([self._lost, self._rich]), len(rows))

    def losses(self) -> Iterator[pa.Table]:
        """All that go; what `richer` needs is gathered on the way."""
        places = self._places_of_heads()
        start = 0
        for rows in self._read(self._rows[self._lost], _OF_LOST):
            row = self._lost[start : (start := start + rows.num_rows)]
            yield from boilerplate.losses(rows, self._over[row], self._counts[row])
            if (again := self._pair[row] != row).any():
                yield _losses(rows, again, "duplicate_pair", "kept from", places(self._pair[row][again]))
            if (other := self._head[row] != row).any():
                head = self._head[row][other]
                yield _losses(rows, other, "duplicate_url", "kept as", columns.hexed(self._ids[:, head]))
                self._texts.offer(head, rows.filter(columns.mask(other)))

    def richer(self) -> Iterator[pa.Table]:
        """The rows that stay with more captions, in pieces; after `losses`."""
        texts, start = self._texts.table(), 0
        place = np.searchsorted(self._rich, np.asarray(texts.column("owner")))
        for rows in self._read(self._rows[self._rich]):
            begin, end = np.searchsorted(place, [start, start + rows.num_rows])
            owner = pa.array(place[begin:end] - start)
            yield united.united(rows, texts.slice(begin, end - begin).set_column(0, "owner", owner))
            start += rows.num_rows

    def _stood(self, some: NDArray[np.int64]) -> list[hashes.Hashes]:
        """Of some of the rows, which rise, a hash of where each stood."""
        found = map(_stood, self._read(self._rows[some], _WHERE))
        return [np.concatenate([np.empty(0, np.uint64), *found])]

    def _places_of_heads(self) -> Callable[[NDArray[np.int64]], pa.ChunkedArray]:
        """Where each pair stands that is there again: its page, or the row of a list that names none."""
        heads = _different(self._pair[~_stays(self._pair)], len(self._pair))
        found = pa.concat_tables([_PLACES.empty_table(), *self._read(self._rows[heads], _PLACES.names)])
        pages = found.column("page_url")
        places = pc.if_else(pc.equal(pages, ""), found.column("source"), pages)
        return lambda rows: columns.pick(places, np.searchsorted(heads, rows))


def _keys(rows: pa.Table) -> NDArray[np.uint64]:
    """Of each row 128 bits of its id, the second half of 128 bits of its URL, its source's rank."""
    rank = united.rank(rows.column("text_source")).astype(np.uint64)
    return np.stack([*columns.digits(rows.column("id"), 32), hashes.hashed(rows.column("url"), 1), rank])


def _heads(
    count: int,
    among: NDArray[np.int64],
    identity: NDArray[np.uint64],
    rule: Callable[[NDArray[np.int64]], Sequence[NDArray[np.uint64]]],
) -> NDArray[np.int64]:
    """For each of so many rows the one that heads its group, of rows among these; the others head themselves."""
    head = np.arange(count)
    head[among] = among[survivor.heads(identity[:, among], lambda rows: rule(among[rows]))]
    return head


def _different(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Each of these rows of `count` once, rising."""
    return np.flatnonzero(columns.marked(rows, count))


def pair_heads(table: pa.Table) -> NDArray[np.int64]:
    """For each candidate the row that stands for its pair (URL, text), whatever order they lie in."""
    ids = columns.digits(table.column("id"), 32)
    return survivor.heads(ids, lambda rows: [_stood(columns.pick_rows(table.select(_WHERE), rows))])


def _with_language(rows: pa.Table, model: LanguageModel) -> pa.Table:
    """With the language of each caption, told once for those that are equal."""
    captions = rows.column("caption").combine_chunks().dictionary_encode()
    found = language.identify(captions.dictionary.to_pylist(), model.path)
    for name, values in zip(("lang", "lang_score"), zip(*found, strict=True), strict=True):
        field = CANDIDATE_SCHEMA.field(name)
        column = pa.array(values, field.type).take(captions.indices)
        rows = rows.set_column(rows.schema.get_field_index(name), field, column)
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


def _stays(head: NDArray[np.int64]) -> NDArray[np.bool_]:
    stays: NDArray[np.bool_] = head == np.arange(len(head))
    return stays


def _losses(rows: pa.Table, gone: NDArray[np.bool_], reason: str, words: str, what: Any) -> pa.Table:
    """Those rows that go, with what each stands behind as evidence."""
    evidence = pc.binary_join_element_wise(words, what, " ")
    return tables.losses_of(rows.filter(columns.mask(gone)), "select", reason, evidence)
