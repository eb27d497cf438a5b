"""Rows of a list, and what becomes of each: a candidate, or a failure with its reason. Columns at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from wit_builder.errors import Dropped
from wit_builder.lists.carried import MAX_EXTRA
from wit_builder.records import (
    CANDIDATE_SCHEMA,
    FAILURE_SCHEMA,
    LOSS_SCHEMA,
    candidate_id,
    empty_lists,
    url_id,
)
from wit_builder.shards.layout import AS_LISTED
from wit_builder.text.mask import Personal, folding, masked
from wit_builder.web.canonical import canonical
from wit_builder.web.url import MAX_URL, normalise

TEXT_SOURCE = "list"  # where the captions stood
MAX_EVIDENCE = 500  # characters

_AT = CANDIDATE_SCHEMA.field("found_at").type
_NO_FAILURES = FAILURE_SCHEMA.empty_table()

Why = tuple[str, str]  # reason, evidence


@dataclass(slots=True)
class Rows:
    """Some rows of one file, by rising number: those that were read, and those that could not be.

    urls and captions are as they stand: text; None; bytes that are no UTF-8; whatever else JSON holds.
    """

    numbers: list[int] = field(default_factory=list)  # of the rows in the file, from 0
    urls: list[Any] = field(default_factory=list)
    captions: list[Any] = field(default_factory=list)
    extras: list[bytes] = field(default_factory=list)  # JSON objects, b"" where nothing is carried
    bad: dict[int, Why] = field(default_factory=dict)  # by number

    def __len__(self) -> int:
        return len(self.numbers) + len(self.bad)

    @property
    def first(self) -> int:
        """The number of the first row."""
        return min(self.numbers[:1] + list(self.bad))

    @property
    def last(self) -> int:
        """The number of the last row."""
        return max(self.numbers[-1:] + list(self.bad))

    def split(self, number: int) -> tuple["Rows", "Rows"]:
        """The rows before that number, and the rest."""
        at = int(np.searchsorted(self.numbers, number))
        before, after = (
            {n: why for n, why in self.bad.items() if (n < number) is side} for side in (True, False)
        )
        return (
            Rows(self.numbers[:at], self.urls[:at], self.captions[:at], self.extras[:at], before),
            Rows(self.numbers[at:], self.urls[at:], self.captions[at:], self.extras[at:], after),
        )


@dataclass(frozen=True, slots=True)
class Judge:
    """Says which rows are candidates, with URL and caption in their one form, and why the others are none."""

    file: str  # its name, as `source` says it
    at: datetime  # when the list was looked at
    texts: bool  # whether a row needs a caption
    mask: tuple[Personal, ...] = ()  # personal data that no caption keeps
    id_of: Callable[[int], str] | None = None  # id of a row by its number; None: of its pair

    def __call__(self, rows: Rows) -> tuple[pa.Table, pa.Table]:
        """The candidates, and the failures (FAILURE_SCHEMA), both by rising number."""
        lost: dict[int, Why] = {}  # by place
        urls = _urls(rows.urls, lost)
        captions = self._captions(rows.captions, lost)
        extras = _extras(rows.extras, lost)
        if self.id_of is not None:
            extras = _as_listed(extras, rows.urls, urls)
        table = self._table(rows.numbers, self._ids(rows.numbers, urls, captions), urls, captions, extras)
        if not lost and not rows.bad:
            return table, _NO_FAILURES
        places = sorted(lost)
        stays = np.ones(len(urls), bool)
        stays[places] = False
        why = {rows.numbers[place]: lost[place] for place in places} | rows.bad
        why = {number: (reason, masked(seen, self.mask)) for number, (reason, seen) in why.items()}
        failed = pa.concat_tables([table.take(pa.array(places, pa.int64())), self._unread(list(rows.bad))])
        return table.filter(pa.array(stays)), _failures(failed, why)

    def _captions(self, found: Sequence[Any], lost: dict[int, Why]) -> list[str]:
        fold = folding(self.mask)
        captions = [fold(text) if type(text) is str else "" for text in found]
        if "" in captions:
            for place, caption in enumerate(captions):
                if isinstance(found[place], bytes):
                    lost.setdefault(place, ("bad_row", f"the caption is not UTF-8: {found[place][:80]!r}"))
                elif not caption and self.texts:
                    lost.setdefault(place, ("no_text", ""))
        return captions

    def _ids(self, numbers: list[int], urls: list[str], captions: list[str]) -> list[str]:
        if self.id_of is not None:
            return [self.id_of(number) for number in numbers]
        return [candidate_id(url, caption) for url, caption in zip(urls, captions, strict=True)]

    def _unread(self, numbers: list[int]) -> pa.Table:
        nothing = [""] * len(numbers)
        ids = [self.id_of(n) if self.id_of else url_id(f"{self.file}#{n}") for n in numbers]
        return self._table(numbers, ids, nothing, nothing, [b""] * len(numbers))

    def _table(
        self,
        numbers: list[int],
        ids: list[str],
        urls: list[str],
        captions: list[str],
        extras: Sequence[bytes],
    ) -> pa.Table:
        count = len(numbers)
        columns: dict[str, Any] = {name: pa.repeat("", count) for name in CANDIDATE_SCHEMA.names}
        for name in ("alt_texts", "queries", "query_spans"):
            columns[name] = empty_lists(name, count)
        columns["text_source"] = pa.repeat(TEXT_SOURCE, count)
        columns["lang_score"] = pa.repeat(0.0, count)
        columns["id"] = pa.array(ids, pa.string())
        columns["url"], columns["caption"] = _strings(urls), _strings(captions)
        columns["extra"] = pa.array(list(extras), pa.string())
        columns["source"] = pc.binary_join_element_wise(
            self.file, pa.array(numbers, pa.int64()).cast(pa.string()), "#"
        )
        columns["found_at"] = pa.repeat(pa.scalar(self.at, _AT), count)
        return pa.table(columns, schema=CANDIDATE_SCHEMA)


def _failures(rows: pa.Table, why: dict[int, Why]) -> pa.Table:
    """The rows with the reasons for them, by number."""
    numbers = list(why)
    order = np.argsort(numbers, kind="stable")
    for i, name in enumerate(("reason", "evidence")):
        texts = [whys[i][:MAX_EVIDENCE] for whys in why.values()]
        rows = rows.append_column(FAILURE_SCHEMA.field(name), _strings(texts))
    return rows.append_column(FAILURE_SCHEMA.field("at"), rows.column("found_at")).take(pa.array(order))


def losses(failures: pa.Table) -> pa.Table:
    """The failures as rows of the ledger (LOSS_SCHEMA); where they stood goes before the evidence."""
    evidence = failures.column("evidence")
    seen = pc.if_else(pc.equal(evidence, ""), pa.scalar(None, pa.string()), evidence)
    where = pc.binary_join_element_wise(failures.column("source"), seen, ": ", null_handling="skip")
    failures = failures.append_column("stage", pa.repeat("extract", failures.num_rows))
    place = failures.schema.get_field_index("evidence")
    return failures.set_column(place, "evidence", where).select(LOSS_SCHEMA.names).cast(LOSS_SCHEMA)


def _urls(found: Sequence[Any], lost: dict[int, Why]) -> list[str]:
    """The addresses in their one form; where there is none, what stands there."""
    urls = [url if type(url) is str else "" for url in found]
    try:
        doubtful = np.flatnonzero(~canonical(pa.array(urls, pa.string())))
    except UnicodeEncodeError:  # half a surrogate pair
        doubtful = np.arange(len(urls))
    for place in doubtful.tolist():
        raw = found[place]
        try:
            urls[place] = _url(raw)
        except Dropped as error:
            lost[place] = (error.reason, error.evidence)
            urls[place] = _shown(raw)
    return urls


def _url(raw: Any) -> str:
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        raise Dropped("no_url")
    if not isinstance(raw, str):
        raise Dropped("bad_url", f"no text: {_shown(raw)[:80]}")
    try:
        return normalise(raw)
    except ValueError as error:
        raise Dropped("bad_url", str(error)) from error


def _extras(found: Sequence[bytes], lost: dict[int, Why]) -> Sequence[bytes]:
    longest = max(map(len, found), default=0)
    if longest <= MAX_EXTRA:
        return found
    for place, extra in enumerate(found):
        if len(extra) > MAX_EXTRA:
            why = f"its other columns take {len(extra):,} bytes, {MAX_EXTRA:,} at most"
            lost.setdefault(place, ("bad_row", why))
    return [extra if len(extra) <= MAX_EXTRA else b"" for extra in found]


def _as_listed(extras: Sequence[bytes], found: Sequence[Any], urls: Sequence[str]) -> list[bytes]:
    """With the address as it stands in the list, where its one form is another: shards of a list show that."""
    return [
        _added(extra, raw) if raw != url and isinstance(raw, str) else extra
        for extra, raw, url in zip(extras, found, urls, strict=True)
    ]


def _added(extra: bytes, raw: str) -> bytes:
    row: dict[str, Any] = orjson.loads(extra) if extra else {}
    return orjson.dumps(row | {AS_LISTED: raw.encode("utf-8", "replace").decode()})


def _shown(value: Any) -> str:
    """What stood there, as a text for the ledger."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value[:MAX_URL].decode(errors="replace")
    return str(value)[:MAX_URL]


def _strings(texts: list[str]) -> pa.Array:
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:  # half a surrogate pair
        return pa.array([text.encode("utf-8", "replace").decode() for text in texts], pa.string())
