from datetime import UTC, datetime

import pyarrow as pa

from wit_builder.records import CANDIDATE_SCHEMA, Candidate, Span, Text, candidates, to_table

NOON = datetime(2026, 1, 2, 12, 0, 0, 5, tzinfo=UTC)


def candidate(caption: str, **more: object) -> Candidate:
    return Candidate(
        "0" * 32, "http://a.test/1.jpg", caption, "alt", (), "", "", "", "", "crawl", NOON, **more
    )


def test_what_goes_into_a_table_comes_out_as_it_was() -> None:
    texts, spans = (Text("b", "title"), Text("c", "figcaption")), (Span(0, 1, 2),)
    rows = [
        candidate("a", lang="en", lang_score=0.5, queries=("cat", "dog"), query_spans=spans),
        Candidate(
            "1" * 32,
            "http://a.test/2.jpg",
            "é",
            "alt",
            texts,
            "p",
            "t",
            "l",
            "c",
            "s",
            NOON.replace(year=1969),
        ),
    ]
    table = to_table(rows, CANDIDATE_SCHEMA)
    assert list(candidates(table)) == rows
    assert list(candidates(pa.concat_tables([table, table]).to_batches()[0])) == rows
    assert list(candidates(table.slice(0, 0))) == []


def test_lists_that_another_version_left_null_are_empty() -> None:
    table = to_table([candidate("a")], CANDIDATE_SCHEMA)
    for name in ("alt_texts", "queries", "query_spans"):
        field = CANDIDATE_SCHEMA.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, pa.nulls(1, field.type))
    assert list(candidates(table)) == [candidate("a")]
