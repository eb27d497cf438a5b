import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shards.pairs import NOON, candidate, failure, sample
from wit_builder.records import Failure, Text
from wit_builder.shards import sidecar
from wit_builder.shards.layout import Layout

# data_side 4.4 and 4.5: img2dataset's fields in its order, with its types
PUBLISHED = {
    "caption": pa.string(),
    "url": pa.string(),
    "key": pa.string(),
    "status": pa.string(),
    "error_message": pa.string(),
    "width": pa.int32(),
    "height": pa.int32(),
    "original_width": pa.int32(),
    "original_height": pa.int32(),
    "exif": pa.string(),
    "sha256": pa.string(),
}
OURS = [
    *("final_url", "http_status", "content_type", "page_url", "page_title", "page_lang", "text_source"),
    *("alt_texts", "lang", "lang_score", "queries", "query_spans", "phash", "phash_quality", "licence"),
    *("opt_out", "source", "id", "original_bytes", "original_format", "animated", "alpha", "scores"),
]


def test_json_begins_with_img2dataset_s_fields_and_goes_on_with_ours() -> None:
    meta = sidecar.meta_of(sample(3), "000000003")

    assert list(meta) == [*PUBLISHED, *OURS]


def test_the_sidecar_has_img2dataset_s_columns_and_types_then_ours_and_the_times() -> None:
    schema = Layout().columns()

    assert {name: schema.field(name).type for name in schema.names[: len(PUBLISHED)]} == PUBLISHED
    assert schema.names == [*PUBLISHED, *OURS, "found_at", "fetched_at", "reason"]


def test_columns_with_a_unit_say_it() -> None:
    units = {field.name: field.metadata[b"unit"] for field in Layout().columns() if field.metadata}

    assert units["width"] == b"pixels"
    assert units["fetched_at"] == b"UTC, microseconds"


def test_json_is_what_img2dataset_writes_for_the_same_fields() -> None:
    meta = sidecar.meta_of(sample(3, caption="Fuchs – 狐 🦊"), "000000003")

    assert sidecar.json_of(meta) == json.dumps(meta, indent=4).encode()
    assert b"\\ud83e\\udd8a" in sidecar.json_of(meta)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(st.dictionaries(st.text(), SCALARS | st.lists(SCALARS, max_size=2), min_size=1))
def test_json_is_indented_whatever_the_fields_are(meta: dict[str, Any]) -> None:
    assert sidecar.json_of(meta) == json.dumps(meta, indent=4).encode()


def test_json_holds_what_the_sample_is() -> None:
    meta = json.loads(sidecar.json_of(sidecar.meta_of(sample(3), "000000003")))

    assert (meta["key"], meta["status"], meta["exif"], meta["error_message"]) == (
        "000000003",
        "success",
        None,
        None,
    )
    assert (meta["alt_texts"], meta["queries"]) == (
        [{"text": "Kites, page 3", "source": "title"}],
        ["kite", "field"],
    )
    assert meta["query_spans"][1] == {"query": 1, "start": 16, "end": 21}
    assert "fetched_at" not in meta


@pytest.mark.parametrize(
    ("caption", "written"), [("a \ud83e b", "a ? b"), ("\udc80", "?"), ("nul \0 stays", "nul \0 stays")]
)
def test_half_surrogate_pairs_become_a_question_mark(caption: str, written: str) -> None:
    meta = sidecar.meta_of(sample(3, caption=caption, alt_texts=(Text(caption, "title"),)), "0")

    assert (meta["caption"], meta["alt_texts"][0]["text"]) == (written, written)


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_json_cannot_hold_is_null(score: float) -> None:
    assert b'"lang_score": null' in sidecar.json_of(sidecar.meta_of(sample(3, lang_score=score), "0"))


@pytest.mark.parametrize(
    ("reason", "evidence", "message"),
    [
        ("http_404", "GET", "HTTP Error 404: Not Found"),
        ("http_503", "", "HTTP Error 503: Service Unavailable"),
        ("http_499", "", "HTTP Error 499: Unknown"),
        ("dns", "NXDOMAIN", "<urlopen error [Errno -2] Name or service not known>"),
        ("timeout", "30 s", "<urlopen error timed out>"),
        ("opt_out_x_robots_tag", "noai", "Use of image disallowed by X-Robots-Tag directive"),
        ("decode_error", "cut", "Image decoding error"),
        ("too_many_pixels", "20000 x 20000", "image area too large"),
        ("robots", "Disallow: /", "robots: Disallow: /"),
        ("robots", "", "robots"),
        ("http_weird", "x", "http_weird: x"),
    ],
)
def test_a_failure_says_what_img2dataset_would_where_that_has_words(
    reason: str, evidence: str, message: str
) -> None:
    assert sidecar.row_of(failure(1, reason, evidence))["error_message"] == message


def test_failures_are_counted_without_their_evidence() -> None:
    assert sidecar.message_of("robots") == "robots"


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("not_image", "failed_to_resize"),
        ("decode_error", "failed_to_resize"),
        ("too_many_pixels", "failed_to_resize"),
        ("unsupported_format", "failed_to_resize"),
        ("image_timeout", "failed_to_resize"),
        ("image_crash", "failed_to_resize"),
        ("timeout", "failed_to_download"),
        ("too_big", "failed_to_download"),
        ("http_404", "failed_to_download"),
    ],
)
def test_reasons_of_the_picture_are_failed_to_resize(reason: str, status: str) -> None:
    assert sidecar.row_of(failure(1, reason))["status"] == status


def test_a_failure_s_row_holds_the_candidate_and_nulls_for_the_image() -> None:
    row = sidecar.row_of(failure(1, "http_404"))

    assert (row["url"], row["caption"], row["http_status"]) == (candidate(1).url, candidate(1).caption, 404)
    assert row["queries"] == ["kite", "field"]
    assert [row[name] for name in ("key", "width", "sha256", "phash", "final_url")] == [None] * 5
    assert (row["found_at"], row["fetched_at"]) == (NOON, failure(1, "x").at)


def test_hostile_evidence_fits_the_table() -> None:
    lost = Failure(candidate(1, caption="\ud800"), "connect", "\udfff\0", NOON)
    rows: list[dict[str, Any]] = [sidecar.row_of(lost)]

    assert sidecar.table_of(rows).column("error_message").to_pylist() == ["connect: ?\0"]
