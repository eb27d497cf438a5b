"""What archived pages give, gathered in columns: a record for each row and its table cost 4.2 µs, these 1.2 µs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wit_builder.ledger import Funnel
from wit_builder.records import (
    CANDIDATE_SCHEMA,
    LOSS_SCHEMA,
    UTC_MICROSECONDS,
    Loss,
    Text,
    empty_lists,
    to_table,
    url_id,
)

MAX_EVIDENCE = 500  # characters, of a loss's url and of its evidence

Found = tuple[str, str, str, str, Sequence[Text], str]  # id, url, caption, text_source, alt_texts, licence
Lost = tuple[str, str, str, str, str]  # id, reason, url, caption, evidence


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was read, with its images."""

    url: str
    title: str
    lang: str
    source: str  # file and offset
    found_at: datetime
    found: Sequence[Found]
    lost: Sequence[Lost]


@dataclass(frozen=True, slots=True)
class NoPage:
    """An archived response that is no page for us, or a damaged place."""

    reason: str
    url: str  # "" where it is not known
    evidence: str
    source: str  # file and offset
    at: datetime | None = None


class Rows:
    """Candidates and losses of some pages, and their counts."""

    def __init__(self) -> None:
        self.count = 0  # pages, candidates and losses
        self._pages: list[Page] = []
        self._no_pages: list[NoPage] = []

    def add(self, outcome: Page | NoPage) -> None:
        """Take what a record has become."""
        self.count += 1
        if isinstance(outcome, Page):
            self._pages.append(outcome)
            self.count += len(outcome.found) + len(outcome.lost)
        else:
            self._no_pages.append(outcome)

    def funnel(self) -> Funnel:
        """What became of the responses (stage pages) and of their images (extract)."""
        funnel = Funnel()
        funnel["pages"].kept = len(self._pages)
        funnel["pages"].dropped = Counter(lost.reason for lost in self._no_pages)
        funnel["extract"].kept = sum(len(page.found) for page in self._pages)
        funnel["extract"].dropped = Counter(lost[1] for page in self._pages for lost in page.lost)
        return funnel

    def candidates(self) -> pa.Table:
        """The candidates, with CANDIDATE_SCHEMA."""
        pages = [page for page in self._pages if page.found]
        columns = {
            name: _texts(values) if name == "alt_texts" else _column(name, values)
            for name, values in zip(_OF_IMAGE, _columns((page.found for page in pages), 6), strict=True)
        }
        rows = _repeated([len(page.found) for page in pages])
        for name, field in _OF_PAGE.items():
            columns[name] = _column(name, [getattr(page, field) for page in pages]).take(rows)
        for name, value in (("lang", ""), ("lang_score", 0.0), ("extra", "")):
            columns[name] = pa.repeat(pa.scalar(value, CANDIDATE_SCHEMA.field(name).type), len(rows))
        for name in ("queries", "query_spans"):
            columns[name] = empty_lists(name, len(rows))
        return pa.table([columns[name] for name in CANDIDATE_SCHEMA.names], schema=CANDIDATE_SCHEMA)

    def losses(self) -> pa.Table:
        """The losses, with LOSS_SCHEMA."""
        pages = [page for page in self._pages if page.lost]
        ids, reasons, urls, captions, evidence = _columns((page.lost for page in pages), 5)
        times = pa.array([page.found_at for page in pages], UTC_MICROSECONDS)
        values = {
            "id": pa.array(ids, pa.string()),
            "stage": pa.repeat("extract", len(ids)),
            "reason": pa.array(reasons, pa.string()),
            "url": pc.utf8_slice_codeunits(pa.array(urls, pa.string()), 0, MAX_EVIDENCE),
            "caption": pa.array(captions, pa.string()),
            "evidence": pc.utf8_slice_codeunits(pa.array(evidence, pa.string()), 0, MAX_EVIDENCE),
            "at": times.take(_repeated([len(page.lost) for page in pages])),
        }
        of_images = pa.table([values[name] for name in LOSS_SCHEMA.names], schema=LOSS_SCHEMA)
        return pa.concat_tables([of_images, to_table([_loss(lost) for lost in self._no_pages], LOSS_SCHEMA)])


_OF_IMAGE = ("id", "url", "caption", "text_source", "alt_texts", "licence")
_OF_PAGE = {
    "page_url": "url",
    "page_title": "title",
    "page_lang": "lang",
    "source": "source",
    "found_at": "found_at",
}


def _columns(rows: Iterable[Sequence[tuple[Any, ...]]], width: int) -> list[Sequence[Any]]:
    """The rows of all pages, column by column."""
    return list(zip(*chain.from_iterable(rows), strict=True)) or [()] * width


def _repeated(counts: Sequence[int]) -> pa.Array:
    """The place of each page, as often as it has rows."""
    return pa.array(np.repeat(np.arange(len(counts)), counts))


def _loss(lost: NoPage) -> Loss:
    return Loss(
        id=url_id(lost.url or lost.source),
        stage="pages",
        reason=lost.reason,
        url=lost.url[:MAX_EVIDENCE],
        caption="",
        evidence=f"{lost.source}: {lost.evidence}"[:MAX_EVIDENCE] if lost.evidence else lost.source,
        at=lost.at or datetime.now(UTC),
    )


def _column(name: str, values: Sequence[object]) -> pa.Array:
    return pa.array(values, CANDIDATE_SCHEMA.field(name).type)


def _texts(rows: Sequence[Sequence[Text]]) -> pa.Array:
    """Lists of {text, source}; nearly all are empty, and cost nothing."""
    flat = list(chain.from_iterable(rows))
    ends = np.zeros(len(rows) + 1, np.int32)
    np.cumsum(list(map(len, rows)), out=ends[1:])
    columns = [pa.array([getattr(text, name) for text in flat], pa.string()) for name in ("text", "source")]
    return pa.ListArray.from_arrays(pa.array(ends), pa.StructArray.from_arrays(columns, ["text", "source"]))
