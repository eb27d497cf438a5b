from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.lists.reading import parquet, read, write
from wit_builder.lists import rows as rows_
from wit_builder.lists.collect import CARRIED
from wit_builder.lists.plan import plan
from wit_builder.lists.rows import Judge, Rows
from wit_builder.lists.settings import UrlList
from wit_builder.records import CANDIDATE_SCHEMA, FAILURE_SCHEMA, candidate_id

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL, TEXT = "http://a.test/1.jpg", "a red boat"


def judged(*pairs, bad=None, **more):
    urls, captions = [url for url, _ in pairs], [text for _, text in pairs]
    made = Rows(list(range(len(pairs))), urls, captions, [b""] * len(pairs), bad or {})
    return Judge(**({"file": "a.csv", "at": NOON, "texts": True} | more))(made)


def test_a_row_becomes_a_candidate():
    kept, failed = judged(("HTTP://A.test:80/x y.jpg?utm_source=z#top", " ein\u200b  Boot\n"))
    assert (kept.schema, failed.schema) == (CANDIDATE_SCHEMA, FAILURE_SCHEMA)
    assert failed.num_rows == 0
    assert kept.to_pylist() == [
        {
            "id": candidate_id("http://a.test/x%20y.jpg", "ein Boot"),
            "url": "http://a.test/x%20y.jpg",
            "caption": "ein Boot",
            "text_source": "list",
            "alt_texts": [],
            "page_url": "",
            "page_title": "",
            "page_lang": "",
            "licence": "",
            "source": "a.csv#0",
            "found_at": NOON,
            "lang": "",
            "lang_score": 0.0,
            "extra": "",
            "queries": [],
            "query_spans": [],
        }
    ]


@pytest.mark.parametrize(
    ("url", "caption", "reason", "evidence"),
    [
        (None, TEXT, "no_url", ""),
        ("", TEXT, "no_url", ""),
        (" \n", TEXT, "no_url", ""),
        (7, TEXT, "bad_url", "no text: 7"),
        (["http://a.test/"], TEXT, "bad_url", "no text: ['http://a.test/']"),
        (b"http://a.test/\xff", TEXT, "bad_url", "no text: http://a.test/\ufffd"),
        ("ftp://a.test/1.jpg", TEXT, "bad_url", "neither http nor https: 'ftp://a.test/1.jpg'"),
        ("data:image/png;base64,AAAA", TEXT, "bad_url", "not an http(s) address"),
        ("1.jpg", TEXT, "bad_url", "no address: '1.jpg'"),
        ("http://a.test/\0\x07 \ud800", TEXT, None, None),
        ("http://" + "a" * 100_000, TEXT, "bad_url", "not an http(s) address of at most 16384 characters"),
        ("http://a.test/" + "a" * 5_000, TEXT, "bad_url", "5014 characters, 4096 at most"),
        (URL, None, "no_text", ""),
        (URL, "", "no_text", ""),
        (URL, "\u200b\n", "no_text", ""),
        (URL, 7, "no_text", ""),
        (URL, b"caf\xe9", "bad_row", "the caption is not UTF-8: b'caf\\xe9'"),
        (URL, "\ud800", "no_text", ""),
        (URL, "x" * 1_000_000, None, None),
    ],
)
def test_a_row_that_cannot_be_used_says_why(url, caption, reason, evidence):
    kept, failed = judged((URL, TEXT), (url, caption), (URL, TEXT))
    if reason is None:
        assert (kept.num_rows, failed.num_rows) == (3, 0)
        return
    assert kept.column("source").to_pylist() == ["a.csv#0", "a.csv#2"]
    (row,) = failed.to_pylist()
    assert (row["reason"], row["source"]) == (reason, "a.csv#1")
    assert row["evidence"].startswith(evidence)
    assert len(row["url"]) <= 4_096


def test_a_caption_is_bounded():
    kept, _ = judged((URL, "word " * 200_000))
    assert len(kept.column("caption")[0].as_py()) <= 10_000


def test_rows_that_could_not_be_read_stand_where_they_stood():
    made = Rows([0, 2], [None, URL], [TEXT, TEXT], [b"", b""], {1: ("bad_row", "x"), 3: ("damaged", "y")})
    kept, failed = Judge("a.csv", NOON, texts=True)(made)
    assert kept.column("source").to_pylist() == ["a.csv#2"]
    assert [(row["source"], row["reason"]) for row in failed.to_pylist()] == [
        ("a.csv#0", "no_url"), ("a.csv#1", "bad_row"), ("a.csv#3", "damaged"),
    ]  # fmt: skip


def test_a_failure_keeps_its_caption_and_what_is_carried():
    made = Rows([5], ["nowhere"], ["a  boat"], [b'{"a":1}'])
    _, failed = Judge("a.csv", NOON, texts=False, id_of="row {}".format)(made)
    row = failed.to_pylist()[0]
    assert (row["id"], row["url"], row["caption"], row["extra"]) == ("row 5", "nowhere", "a boat", '{"a":1}')
    assert row["at"] == NOON


def test_losses_say_where_the_row_stood():
    _, failed = judged((URL, ""), ("x", TEXT))
    found = rows_.losses(failed).to_pylist()
    assert [(row["stage"], row["evidence"]) for row in found] == [
        ("extract", "a.csv#0"), ("extract", "a.csv#1: no address: 'x'"),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(7))
def test_rows_are_split_by_number(number):
    made = Rows([1, 2, 5], list("abc"), list("def"), [b"g", b"h", b"i"], {0: ("x", ""), 3: ("y", "")})
    before, after = made.split(number)
    assert (before.first if before else None) == (0 if number else None)
    assert all(n < number for n in (*before.numbers, *before.bad))
    assert all(n >= number for n in (*after.numbers, *after.bad))
    assert (before.urls + after.urls, before.bad | after.bad) == (made.urls, made.bad)
    assert len(before) + len(after) == len(made) == 5


# -- in a file


def test_every_row_of_a_file_is_kept_or_lost(tmp_path):
    text = f"url,caption\n{URL},{TEXT}\n,{TEXT}\nftp://x/,{TEXT}\n{URL}\n\n{URL},\n{URL},{TEXT}\nx,caf\0\n"
    done = read(tmp_path, write(tmp_path / "a.csv", text))
    assert done.pairs == [(URL, TEXT)] * 2  # duplicates are for select to judge
    assert [row["source"] for row in done.rows()] == ["a.csv#0", "a.csv#5"]
    assert done.funnel.as_json()["extract"] == {
        "seen": 7,
        "kept": 2,
        "dropped": {"bad_url": 2, "bad_row": 1, "no_text": 1, "no_url": 1},
    }
    assert len(done.lost) == 5


def test_lines_of_a_csv_that_are_not_utf8_are_lost_and_counted(tmp_path):
    data = (
        f"url,caption\n{URL},caf\u00e9\n".encode() + f"{URL},caf".encode() + b"\xe9\n" + f"{URL},x\n".encode()
    )
    done = read(tmp_path, write(tmp_path / "a.csv", data))
    assert done.pairs == [(URL, "caf\u00e9"), (URL, "x")]
    assert done.reasons == ["bad_row"]
    assert "not UTF-8" in done.lost[0][1]


def test_texts_in_parquet_that_are_not_utf8_are_lost_and_counted(tmp_path):
    raw = pa.array([b"caf\xe9", b"x", None])
    for kind in (pa.string(), pa.binary()):
        file = parquet(tmp_path / "a.parquet", url=[URL] * 3, caption=raw.view(kind))
        done = read(tmp_path, file)
        assert (done.pairs, sorted(done.reasons)) == ([(URL, "x")], ["bad_row", "no_text"])


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_texts_of_every_type_are_read(tmp_path, kind):
    file = parquet(
        tmp_path / "a.parquet", url=pa.array([URL]).cast(kind), caption=pa.array([TEXT]).cast(kind)
    )
    assert read(tmp_path, file).pairs == [(URL, TEXT)]


def test_parts_of_candidates_say_what_they_carry(tmp_path):
    file = parquet(tmp_path / "a.parquet", url=[URL], caption=[TEXT], n=[1])
    (part,) = read(tmp_path, file).paths("candidates")
    carried = plan(UrlList(files=(str(file),))).carried
    assert pq.read_schema(part).metadata[CARRIED].decode() == carried
