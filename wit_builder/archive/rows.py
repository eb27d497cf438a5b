"""What archived pages give, gathered in columns: a record for each row and its table cost 4.2 µs, these 1.2 µs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from wit_builder.ledger import Funnel
from wit_builder.records import CANDIDATE_SCHEMA, LOSS_SCHEMA, Text, url_id

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
        self.funnel = Funnel()
        self._pages: list[Page] = []  # with candidates
        self._losses: list[tuple[str, str, str, str, str, str, datetime]] = []
        self.count = 0  # rows

    def add(self, outcome: Page | NoPage) -> None:
        """Take what a record has become."""
        if isinstance(outcome, NoPage):
            self._no_page(outcome)
            return
        self.funnel["pages"].kept += 1
        self.count += len(outcome.found) + len(outcome.lost)
        if outcome.found:
            self.funnel["extract"].kept += len(outcome.found)
            self._pages.append(outcome)
        if outcome.lost:
            self.funnel["extract"].dropped.update(Counter([reason for _, reason, *_ in outcome.lost]))
            at = outcome.found_at
            self._losses += [
                (id_, "extract", reason, url[:MAX_EVIDENCE], caption, evidence[:MAX_EVIDENCE], at)
                for id_, reason, url, caption, evidence in outcome.lost
            ]

    def _no_page(self, lost: NoPage) -> None:
        self.funnel["pages"].drop(lost.reason)
        self.count += 1
        evidence = f"{lost.source}: {lost.evidence}" if lost.evidence else lost.source
        at = lost.at or datetime.now(UTC)
        id_ = url_id(lost.url or lost.source)
        self._losses.append(
            (id_, "pages", lost.reason, lost.url[:MAX_EVIDENCE], "", evidence[:MAX_EVIDENCE], at)
        )

    def candidates(self) -> pa.Table:
        """The candidates, with CANDIDATE_SCHEMA."""
        pages = self._pages
        own = ("id", "url", "caption", "text_source", "alt_texts", "licence")
        found = list(zip(*(row for page in pages for row in page.found), strict=True)) or [()] * len(own)
        columns = {
            name: _texts(values) if name == "alt_texts" else _column(name, values)
            for name, values in zip(own, found, strict=True)
        }
        rows = pa.array(np.repeat(np.arange(len(pages)), [len(page.found) for page in pages]))
        shared = ("page_url", "url"), ("page_title", "title"), ("page_lang", "lang"), *_SAME
        for name, field in shared:
            columns[name] = _column(name, [getattr(page, field) for page in pages]).take(rows)
        for name, value in (("lang", ""), ("lang_score", 0.0), ("extra", "")):
            columns[name] = pa.repeat(pa.scalar(value, CANDIDATE_SCHEMA.field(name).type), len(rows))
        return pa.table([columns[name] for name in CANDIDATE_SCHEMA.names], schema=CANDIDATE_SCHEMA)

    def losses(self) -> pa.Table:
        """The losses, with LOSS_SCHEMA."""
        columns = list(zip(*self._losses, strict=True)) or [()] * len(LOSS_SCHEMA)
        arrays = [pa.array(column, field.type) for field, column in zip(LOSS_SCHEMA, columns, strict=True)]
        return pa.table(arrays, schema=LOSS_SCHEMA)


_SAME = ("source", "source"), ("found_at", "found_at")


def _column(name: str, values: Sequence[object]) -> pa.Array:
    return pa.array(values, CANDIDATE_SCHEMA.field(name).type)


def _texts(rows: Sequence[Sequence[Text]]) -> pa.Array:
    """Lists of {text, source}; nearly all are empty, and cost nothing."""
    flat = [text for texts in rows if texts for text in texts]
    ends = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(texts) for texts in rows], out=ends[1:])
    columns = [
        pa.array([text.text for text in flat], pa.string()),
        pa.array([text.source for text in flat], pa.string()),
    ]
    return pa.ListArray.from_arrays(pa.array(ends), pa.StructArray.from_arrays(columns, ["text", "source"]))
