"""The nouns: what travels between stages, in memory and as Arrow rows.

A candidate becomes a sample when its image was fetched; whatever does not make it becomes a loss, a row of
the ledger. Times are UTC. Ids are stable: the same URL and caption have the same id in every run.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Protocol, Self

import pyarrow as pa
import pyarrow.compute as pc
import xxhash


@dataclass(frozen=True, slots=True)
class Text:
    """One text found for an image, and where it stood."""

    text: str  # NFC, whitespace folded, never empty
    source: str  # one of extract's sources: alt, figcaption, title, ...


@dataclass(frozen=True, slots=True)
class Span:
    """Where a query was found in a caption."""

    query: int  # which of the pair's queries, from 0
    start: int  # code points of the caption before it
    end: int  # and up to its end


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image URL with its texts, found on a page, in an archive or in a list; nothing downloaded yet."""

    id: str  # 32 hex digits, `candidate_id(url, caption)`
    url: str  # absolute http(s), normalised
    caption: str  # the chosen text
    text_source: str  # where the caption stood
    alt_texts: tuple[Text, ...]  # the other texts, best first
    page_url: str
    page_title: str
    page_lang: str  # lang attribute of the page, "" where it has none
    licence: str  # URL of the licence the page links to, "" where it links none
    source: str  # crawl, or archive file and offset, or list file and row
    found_at: datetime
    lang: str = ""  # language of the caption, ISO 639; "" before it is identified
    lang_score: float = 0.0  # 0 to 1
    extra: str = ""  # the other columns of a list's row, as a JSON object; "" where there are none
    queries: tuple[str, ...] = ()  # matched entries of the query list, each once, as the caption has them
    query_spans: tuple[Span, ...] = ()  # all matches, as the caption has them

    def with_language(self, lang: str, score: float) -> Self:
        """The same candidate with its caption's language filled in."""
        return replace(self, lang=lang, lang_score=score)


@dataclass(frozen=True, slots=True)
class Sample:
    """A candidate whose image was fetched, decoded, hashed and re-encoded. The image itself lies in a tar."""

    id: str
    url: str
    caption: str
    text_source: str
    alt_texts: tuple[Text, ...]
    page_url: str
    page_title: str
    page_lang: str
    licence: str
    source: str
    found_at: datetime
    lang: str
    lang_score: float
    extra: str
    queries: tuple[str, ...]
    query_spans: tuple[Span, ...]
    final_url: str  # after redirects
    http_status: int
    content_type: str
    fetched_at: datetime
    original_bytes: int  # size of the body as fetched
    original_width: int  # pixels, after the EXIF turn
    original_height: int
    width: int  # pixels of the stored image
    height: int
    sha256: str  # of the bytes as fetched, 64 hex digits
    phash: str  # PDQ, 64 hex digits
    phash_quality: int  # PDQ's 0 to 100; low means hardly any detail
    opt_out: str  # opt-out directives met but not asked for by the policy, "" where none
    format: str  # jpg, png or webp: extension of the stored image
    tar: str  # staged tar that holds the image, relative to the stage's folder
    offset: int  # of the image's bytes in that tar
    length: int  # of the image's bytes
    original_format: str = ""  # of the body as fetched: jpg, png, webp, gif, bmp, tiff, avif
    animated: bool = False  # more frames followed the one that is stored
    alpha: bool = False  # it had a channel or colour for what is transparent; that is white now
    scores: tuple[tuple[str, float], ...] = ()  # what models gave, by name of the score


@dataclass(frozen=True, slots=True)
class Loss:
    """A row of the ledger: an item that did not make it, and why."""

    id: str
    stage: str  # pages, extract, select, fetch, clean
    reason: str  # snake_case
    url: str
    caption: str
    evidence: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """A candidate whose image was not had, with all it takes to try again."""

    candidate: Candidate
    reason: str  # snake_case
    evidence: str
    at: datetime


class HasCaption(Protocol):
    """What a filter of texts reads: fits candidates and samples."""

    @property
    def caption(self) -> str: ...  # noqa: D102
    @property
    def text_source(self) -> str: ...  # noqa: D102
    @property
    def lang(self) -> str: ...  # noqa: D102
    @property
    def lang_score(self) -> float: ...  # noqa: D102


class HasUrl(Protocol):
    """What a filter of addresses reads: fits candidates and samples."""

    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def page_url(self) -> str: ...  # noqa: D102


class HasImage(Protocol):
    """What a filter of pictures reads: fits samples only."""

    @property
    def original_bytes(self) -> int: ...  # noqa: D102
    @property
    def original_width(self) -> int: ...  # noqa: D102
    @property
    def original_height(self) -> int: ...  # noqa: D102
    @property
    def phash_quality(self) -> int: ...  # noqa: D102
    @property
    def original_format(self) -> str: ...  # noqa: D102
    @property
    def animated(self) -> bool: ...  # noqa: D102
    @property
    def alpha(self) -> bool: ...  # noqa: D102


def candidate_id(url: str, caption: str) -> str:
    """32 hex digits that name the pair (url, caption), the same in every run and on every machine."""
    return xxhash.xxh3_128_hexdigest(f"{url}\0{caption}".encode("utf-8", "surrogatepass"))


def candidate_ids(urls: pa.Array, captions: pa.Array) -> pa.Array:
    """The `candidate_id` of each pair of two columns of strings without nulls; 0.1 µs each."""
    pairs = pc.binary_join_element_wise(urls, captions, "\0").cast(pa.binary())
    ids = map(xxhash.xxh3_128_hexdigest, pairs.to_numpy(zero_copy_only=False))
    return pa.array(ids, pa.string(), size=len(pairs))


def url_id(url: str) -> str:
    """32 hex digits that name a URL; the ledger's id for a page."""
    return xxhash.xxh3_128_hexdigest(url.encode("utf-8", "surrogatepass"))


UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
_TEXTS = pa.list_(pa.struct([("text", pa.string()), ("source", pa.string())]))
_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    float: pa.float64(),
    datetime: UTC_MICROSECONDS,
    tuple[Text, ...]: _TEXTS,
    tuple[str, ...]: pa.list_(pa.string()),
    tuple[tuple[str, float], ...]: pa.map_(pa.string(), pa.float64()),
    tuple[Span, ...]: pa.list_(pa.struct([(name, pa.int32()) for name in ("query", "start", "end")])),
}
_UNITS = {
    "found_at": "UTC, microseconds",
    "fetched_at": "UTC, microseconds",
    "at": "UTC, microseconds",
    "original_bytes": "bytes",
    "width": "pixels",
    "height": "pixels",
    "original_width": "pixels after the EXIF turn",
    "original_height": "pixels after the EXIF turn",
    "phash": "PDQ, 256 bits in hex",
    "phash_quality": "PDQ quality, 0 to 100",
    "lang_score": "probability, 0 to 1",
    "query_spans": "query: index into queries; start, end: code points of the caption",
}


def _schema(record: Any) -> pa.Schema:
    return pa.schema(
        pa.field(f.name, _TYPES[f.type], metadata={"unit": _UNITS[f.name]} if f.name in _UNITS else None)
        for f in fields(record)
    )


CANDIDATE_SCHEMA = _schema(Candidate)
SAMPLE_SCHEMA = _schema(Sample)
LOSS_SCHEMA = _schema(Loss)
FAILURE_SCHEMA = pa.schema(
    [*CANDIDATE_SCHEMA, *(LOSS_SCHEMA.field(name) for name in ("reason", "evidence", "at"))]
)


def to_table(rows: Sequence[Candidate] | Sequence[Sample] | Sequence[Loss], schema: pa.Schema) -> pa.Table:
    """The records as an Arrow table of that schema (one of the three above)."""
    return pa.table(
        {
            field.name: pa.array([_plain(getattr(row, field.name)) for row in rows], type=field.type)
            for field in schema
        },
        schema=schema,
    )


def empty_lists(name: str, count: int) -> pa.Array:
    """So many empty lists of that column of a candidate."""
    kind = CANDIDATE_SCHEMA.field(name).type
    return pa.ListArray.from_arrays(
        pa.repeat(pa.scalar(0, pa.int32()), count + 1), pa.array([], kind.value_type)
    )


def extended(table: pa.Table, schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.Table:
    """The table with the columns that the schema has behind the table's own; rows: their values, row by row."""
    added = schema.names[table.num_columns :]
    for name, values in zip(added, zip(*rows, strict=True) if rows else [()] * len(added), strict=True):
        field = schema.field(name)
        table = table.append_column(field, pa.array([_plain(value) for value in values], field.type))
    return table.cast(schema)


def candidates(table: pa.Table | pa.RecordBatch) -> Iterable[Candidate]:
    """The rows of a table with CANDIDATE_SCHEMA's columns, as records; nothing is done for rows nobody asks for."""
    yield from map(Candidate, *_columns(table, CANDIDATE_SCHEMA))


def samples(table: pa.Table | pa.RecordBatch) -> Iterable[Sample]:
    """The rows of a table with SAMPLE_SCHEMA's columns, as records."""
    return map(Sample, *_columns(table, SAMPLE_SCHEMA))


def failures_table(rows: Sequence[Failure]) -> pa.Table:
    """The failures as an Arrow table of FAILURE_SCHEMA."""
    table = to_table([row.candidate for row in rows], CANDIDATE_SCHEMA)
    return extended(table, FAILURE_SCHEMA, [(row.reason, row.evidence, row.at) for row in rows])


def failures(table: pa.Table | pa.RecordBatch) -> Iterable[Failure]:
    """The rows of a table with FAILURE_SCHEMA's columns, as records."""
    ends = table.select(["reason", "evidence", "at"]).to_pylist()
    return (Failure(row, **end) for row, end in zip(candidates(table), ends, strict=True))


def losses(table: pa.Table | pa.RecordBatch) -> Iterable[Loss]:
    """The rows of a table with LOSS_SCHEMA's columns, as records."""
    return (Loss(**row) for row in table.select(LOSS_SCHEMA.names).to_pylist())


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if not value.isascii() else value
    if isinstance(value, tuple) and value and isinstance(value[0], Text):
        return [{"text": _plain(t.text), "source": t.source} for t in value]
    if isinstance(value, tuple) and value and isinstance(value[0], Span):
        return [asdict(span) for span in value]
    return value


def _columns(table: pa.Table | pa.RecordBatch, schema: pa.Schema) -> Iterator[Sequence[Any]]:
    """The values of each column of the schema, as records have them."""
    for field in schema:
        values = table.column(field.name)
        if field.type == UTC_MICROSECONDS:
            yield _times(values)
        elif field.name in _LISTS:
            of_one = _LISTS[field.name]  # null where another version wrote the row
            yield [tuple(map(of_one, value)) if value else () for value in values.to_pylist()]
        else:
            yield values.to_pylist()


_LISTS: dict[str, Callable[[Any], Any]] = {
    "alt_texts": lambda text: Text(**text),
    "queries": str,
    "query_spans": lambda span: Span(**span),
    "scores": tuple,
}


def _times(values: pa.Array | pa.ChunkedArray) -> list[datetime | None]:
    """Each time is made once, in 3 µs: an archive's rows have those of its pages."""
    times = pc.unique(values)
    known = dict(zip(times.cast(pa.int64()).to_pylist(), times.to_pylist(), strict=True))
    return [known[time] for time in values.cast(pa.int64()).to_pylist()]
