"""The texts of pairs that were found to be one: what stays takes the captions of what goes along."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wit_builder.engine import columns
from wit_builder.extract.captions import MAX_TEXTS, TEXT_SOURCES
from wit_builder.records import CANDIDATE_SCHEMA

READS = ["id", "caption", "text_source", "alt_texts"]
HELD = 32 << 20  # bytes of texts that may be too many
BATCH = 65_536  # rows whose texts are put together at a time, so that they stay below Arrow's 2 GB

ALT_TEXTS = CANDIDATE_SCHEMA.field("alt_texts")

_ID = [("high", pa.uint64()), ("low", pa.uint64())]  # of the row that a text is of
_OFFERED = pa.schema([("owner", pa.int64()), ("text", pa.string()), ("source", pa.string()), *_ID])
_RANK = {source: rank for rank, source in enumerate(TEXT_SOURCES)}


def rank(sources: pa.ChunkedArray) -> NDArray[np.int64]:
    """0 for the strongest source of texts; unknown sources come last."""
    pieces = [np.array([], np.int64)]
    for chunk in sources.dictionary_encode().chunks:
        ranks = [_RANK.get(source, len(_RANK)) for source in chunk.dictionary.to_pylist()]
        pieces.append(np.array(ranks, np.int64)[chunk.indices.to_numpy()])
    return np.concatenate(pieces)


def ranked(owner: NDArray[np.int64], rows: pa.Table, alt_texts: bool) -> pa.Table:
    """The captions of these rows as texts for others: those that `Gathered` keeps when it is offered them all."""
    gathered = Gathered(alt_texts)
    gathered.offer(owner, rows)
    return gathered.table()


class Gathered:
    """Texts for rows that stand for others: of each `owner` `MAX_TEXTS` + 1 at most, however many are offered.

    Of each owner no text comes twice, and they lie in this order: strongest source first, then by the id of
    the row, its caption before its other texts. In which order rows are offered does not matter.
    alt_texts: whether the rows' other texts go along: they are captions too, of what the rows stand for.
    """

    def __init__(self, alt_texts: bool) -> None:
        self._alt_texts = alt_texts
        self._offered = [_OFFERED.empty_table()]
        self._held, self._most = 0, HELD  # bytes, and from how many on only the best are kept

    def offer(self, owner: NDArray[np.int64], rows: pa.Table) -> None:
        """Some rows, whole. owner: whose text each row's shall be, any number; rows: READS."""
        texts = rows.select(["caption", "text_source"]).rename_columns(["text", "source"])
        row = np.arange(rows.num_rows)
        if self._alt_texts:
            others, of_row = flat(rows)
            texts, row = pa.concat_tables([texts, others]), np.concatenate([row, of_row])
        high, low = columns.digits(rows.column("id"), 32)[:, row]
        self._offered.append(pa.table([owner[row], *texts.columns, high, low], schema=_OFFERED))
        self._held += self._offered[-1].nbytes
        if self._held > self._most:
            best = self._best()
            self._offered, self._held, self._most = [best], best.nbytes, max(HELD, 2 * best.nbytes)

    def table(self) -> pa.Table:
        """owner (rising), text, source."""
        return self._best().select(["owner", "text", "source"])

    def _best(self) -> pa.Table:
        found = pa.concat_tables(self._offered)
        owner, high, low = (np.asarray(found.column(name)) for name in ("owner", "high", "low"))
        order = np.lexsort([low, high, rank(found.column("source")), owner])
        order = order[_new(owner[order], found.column("text"), order)]
        order = order[_places(owner[order]) <= MAX_TEXTS]
        texts = [columns.pick(found.column(name), order) for name in ("text", "source")]
        return pa.table([owner[order], *texts, high[order], low[order]], schema=_OFFERED)


def united(rows: pa.Table, gained: pa.Table) -> pa.Table:
    """All the rows, those that `enriched` gives last."""
    richer, changed = enriched(rows, gained)
    poorer = np.ones(rows.num_rows, bool)
    poorer[richer] = False
    return pa.concat_tables([rows.filter(columns.mask(poorer)), changed]) if len(richer) else rows


def enriched(rows: pa.Table, gained: pa.Table) -> tuple[NDArray[np.int64], pa.Table]:
    """The rows that gain something: their numbers, rising, and the rows with new alt_texts.

    New texts stand behind a row's own, up to `MAX_TEXTS`; no text comes twice, nor the caption.
    gained: owner (number of the row, rising), text, source.
    """
    owner = np.asarray(gained.column("owner"))
    richer = np.unique(owner)
    changed = columns.pick_rows(rows, richer)
    tables = [rows.slice(0, 0)]
    for start in range(0, len(richer), BATCH):
        some = richer[start : start + BATCH]
        begin, end = np.searchsorted(owner, [some[0], some[-1] + 1])
        place = np.searchsorted(some, owner[begin:end])
        tables.append(_with_more(changed.slice(start, BATCH), place, gained.slice(begin, end - begin)))
    return richer, pa.concat_tables(tables)


def _with_more(rows: pa.Table, owner: NDArray[np.int64], gained: pa.Table) -> pa.Table:
    own, row = flat(rows)
    captions = rows.select(["caption", "text_source"]).rename_columns(["text", "source"])
    texts = pa.concat_tables([captions, own, gained.select(["text", "source"])])
    row = np.concatenate([np.arange(rows.num_rows), row, owner])
    order = np.argsort(row, kind="stable")  # of each row: its caption, its own texts, the new ones
    order = order[_first_of_each(row[order], columns.codes(texts.column("text"))[order])]
    place = _places(row[order])
    order = order[(place > 0) & (place <= MAX_TEXTS)]  # at place 0 is the caption
    ends = np.cumsum(np.bincount(row[order], minlength=rows.num_rows))
    values = [texts.column(name).take(pa.array(order)).combine_chunks() for name in ("text", "source")]
    lists = pa.ListArray.from_arrays(
        pa.array(np.concatenate([[0], ends]), pa.int32()),
        pa.StructArray.from_arrays(values, fields=list(ALT_TEXTS.type.value_type)),
        ALT_TEXTS.type,
    )
    place = rows.schema.get_field_index("alt_texts")
    return rows.set_column(place, rows.schema.field(place), lists)


def flat(rows: pa.Table) -> tuple[pa.Table, NDArray[np.int64]]:
    """All alt_texts, and of which row each is."""
    empty = pa.schema(list(ALT_TEXTS.type.value_type)).empty_table()
    chunks = rows.column("alt_texts").chunks
    texts = [pa.Table.from_struct_array(chunk.flatten()) for chunk in chunks]
    lengths = [chunk.value_lengths().to_numpy(zero_copy_only=False) for chunk in chunks]
    return pa.concat_tables([empty, *texts]), np.repeat(
        np.arange(rows.num_rows), np.concatenate([[], *lengths]).astype(int)
    )


def _new(owner: NDArray[np.int64], texts: pa.ChunkedArray, order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the texts in this order are the first of their words with their owner; owner: rising."""
    new = np.ones(len(owner), bool)
    same = owner[1:] == owner[:-1]
    several = np.flatnonzero(np.append(same, False) | np.append(False, same))  # most owners have one text
    new[several] = _first_of_each(owner[several], columns.codes(columns.pick(texts, order[several])))
    return new


def _first_of_each(group: NDArray[np.int64], code: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which are the first with their code in their group."""
    order = np.lexsort([code, group])  # stable
    first = np.ones(len(order), bool)
    first[order[1:]] = (np.diff(group[order]) != 0) | (np.diff(code[order]) != 0)
    return first


def _places(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 for the first of each run of equal values, 1 for the second, ..."""
    starts = np.flatnonzero(np.diff(group, prepend=group[:1] - 1))
    place: NDArray[np.int64] = np.arange(len(group)) - np.repeat(starts, np.diff(starts, append=len(group)))
    return place
