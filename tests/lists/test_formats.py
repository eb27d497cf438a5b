import json

import pytest

from tests.lists.reading import PACKED, ROWS, TEXTS, URLS, parquet, read, text_of, write
from tests.site.told import Say, told
from wit_builder.errors import ConfigError
from wit_builder.lists.files import endings, format_of, name_of

PAIRS = list(zip(URLS, TEXTS, strict=True))


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("format", ["csv", "tsv", "json", "jsonl"])
def test_every_format_gives_the_same_pairs(tmp_path, format, packed):
    file = write(tmp_path / f"list.{format}{packed}", text_of(format))
    assert read(tmp_path, file).pairs == PAIRS


def test_so_does_parquet(tmp_path):
    assert read(tmp_path, parquet(tmp_path / "list.parquet", ROWS, row_group_size=2)).pairs == PAIRS


@pytest.mark.parametrize("packed", PACKED)
def test_a_text_of_urls_has_no_captions_so_no_pairs(tmp_path, packed):
    file = write(tmp_path / f"list.txt{packed}", text_of("txt"))
    assert read(tmp_path, file).reasons == ["no_text"] * len(URLS)


def test_urls_in_a_text_may_hold_commas_spaces_and_quotes(tmp_path):
    """img2dataset reads such a file as CSV and breaks (its issues 208, 318, 342, 431)."""
    urls = ["http://a.test/w_100,h_200/x.jpg", "http://a.test/a b.jpg", 'http://a.test/"c".jpg']
    file = write(tmp_path / "list.txt", "\n\n".join(urls) + "\r\n \n")
    rows = read(tmp_path, file).rows("losses")
    assert [row["url"] for row in rows] == [urls[0], "http://a.test/a%20b.jpg", "http://a.test/%22c%22.jpg"]


def test_a_folder_means_all_its_lists_and_a_glob_those_it_says(tmp_path):
    folder = tmp_path / "lists" / "below"
    folder.mkdir(parents=True)
    for n, row in enumerate(ROWS):
        write(folder / f"part-{n}.csv.gz", text_of("csv", [row]))
    (folder / "_SUCCESS").touch()
    assert read(tmp_path, tmp_path / "lists").pairs == PAIRS
    assert read(tmp_path, folder / "part-[12].csv.gz").pairs == PAIRS[1:3]


def test_a_list_is_read_over_http(tmp_path):
    with told() as web:
        body = write(tmp_path / "list.jsonl.gz", text_of("jsonl")).read_bytes()
        url = f"http://127.0.0.1:{web.port}/list.jsonl.gz"
        web.answers[url.replace(f":{web.port}", "")] = Say(body, type="application/octet-stream")
        assert read(tmp_path, url).pairs == PAIRS


def test_the_format_may_be_said_where_the_name_says_none(tmp_path):
    file = write(tmp_path / "download", text_of("tsv"))
    assert read(tmp_path, file, format="tsv").pairs == PAIRS


def test_a_packed_file_is_unpacked_whatever_its_name(tmp_path):
    file = tmp_path / "list.csv"
    file.write_bytes(PACKED[".zst"](text_of("csv").encode()))
    assert read(tmp_path, file).pairs == PAIRS


def test_packed_files_may_follow_each_other_in_one(tmp_path):
    """As `cat a.gz b.gz` makes it."""
    for packed in (".gz", ".zst"):
        head, *rows = text_of("csv").splitlines(keepends=True)
        file = tmp_path / f"list.csv{packed}"
        file.write_bytes(PACKED[packed](head.encode()) + PACKED[packed]("".join(rows).encode()))
        assert read(tmp_path, file).pairs == PAIRS


@pytest.mark.parametrize(
    ("url", "name", "format"),
    [
        ("/a/b.csv", "b.csv", "csv"),
        ("s3://a/b.TSV.gz", "b.TSV.gz", "tsv"),
        ("https://a.test/b.ndjson?x=/c.csv", "b.ndjson", "jsonl"),
        ("/a/b.json.zst", "b.json.zst", "json"),
        ("/a/b.parquet", "b.parquet", "parquet"),
        ("/a/b.gz", "b.gz", None),
        ("/a/b.csv.bz2", "b.csv.bz2", None),
        ("/a/csv", "csv", None),
    ],
)
def test_a_name_says_the_format(url, name, format):
    assert (name_of(url), format_of(url)) == (name, format)


def test_names_of_one_format_end_so():
    assert endings("jsonl") == (".jsonl", ".ndjson", ".jsonl.gz", ".jsonl.zst", ".ndjson.gz", ".ndjson.zst")
    assert endings("parquet") == (".parquet",)
    assert {format_of(f"x{ending}") for ending in endings(None)} == {
        "parquet", "csv", "tsv", "json", "jsonl", "txt",
    }  # fmt: skip


# -- what is no list


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.parquet", b"", "is no readable parquet file"),
        ("a.parquet", b"url,caption\n", "is no readable parquet file"),
        ("a.csv", b"", "is no readable csv: it is empty, expected a row that names the columns"),
        ("a.csv", b"  <!DOCTYPE html><title>Not found", "is a web page, expected csv"),
        ("a.jsonl", b"<html>", "is a web page, expected jsonl"),
        ("a.tsv", b"PAR1....", "is a parquet file, expected tsv"),
        ("a.csv", "url,caption\nx".encode("utf-16"), "is text in UTF-16, expected csv"),
        ("a.csv", b"url,b\xe9schreibung\n", "is no readable csv: its first row is not UTF-8"),
        ("a.json", b'{"url": "x"}', "is no readable json: it begins with '{', expected [ and objects"),
        ("a.jsonl", b'[{"url": "x"}]', "is no readable jsonl: no object"),
        ("a.jsonl", b"url,caption\n", "is no readable jsonl: no JSON"),
        ("a.json", b"", "is no readable json: it begins with ''"),
    ],
)
def test_a_file_of_another_kind_is_named_with_what_was_expected(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, tmp_path / name)
    assert f"{tmp_path / name} {said}" in str(refused.value)


@pytest.mark.parametrize(("name", "other"), [("a.json", "jsonl"), ("a.jsonl", "json")])
def test_lines_and_arrays_that_were_mixed_up_get_a_hint(tmp_path, name, other):
    write(tmp_path / name, text_of(other))
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, tmp_path / name)
    assert refused.value.hint == f"--input-format {other}"
    assert read(tmp_path, tmp_path / name, format=other).pairs == PAIRS


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_json_by_columns_is_said_with_how_to_write_it_by_rows(tmp_path, name):
    write(tmp_path / name, '{"url":{"0":"http://a.test/1.jpg"},"caption":{"0":"x"}}')
    with pytest.raises(
        ConfigError, match="has an object for each column, expected one for each row"
    ) as refused:
        read(tmp_path, tmp_path / name)
    assert 'orient="records"' in refused.value.hint


def test_an_object_in_the_first_field_of_a_row_is_none_of_a_column(tmp_path):
    write(tmp_path / "a.jsonl", '{"more":{"1":"x"},"url":"http://a.test/1.jpg","caption":"x"}')
    assert read(tmp_path, tmp_path / "a.jsonl").pairs == [("http://a.test/1.jpg", "x")]


def test_a_name_that_lies_about_packing_is_said(tmp_path):
    (tmp_path / "a.csv.gz").write_text(text_of("csv"))
    with pytest.raises(ConfigError, match=r"a\.csv\.gz is not packed with gzip, as its name says: it begins"):
        read(tmp_path, tmp_path / "a.csv.gz")


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.csv", "url,caption\n"), ("a.txt", ""), ("a.txt.gz", "\n \n"), ("a.jsonl", "\n"), ("a.json", "[]")],
)
def test_a_list_without_a_row_is_said(tmp_path, name, data):
    with pytest.raises(ConfigError, match=rf"{name}: there is no row to read"):
        read(tmp_path, write(tmp_path / name, data))


def test_so_is_a_parquet_file_without_one(tmp_path):
    with pytest.raises(ConfigError, match="there is no row to read"):
        read(tmp_path, parquet(tmp_path / "a.parquet", url=[], caption=[]))


@pytest.mark.parametrize(("format", "empty"), [("csv", "url,caption\n"), ("jsonl", ""), ("json", "[]")])
def test_one_file_without_a_row_among_others_is_none_the_worse(tmp_path, format, empty):
    write(tmp_path / f"a.{format}", empty)
    write(tmp_path / f"b.{format}", text_of(format))
    assert read(tmp_path, tmp_path / f"*.{format}").pairs == PAIRS


def test_a_folder_without_a_list_is_said(tmp_path):
    (tmp_path / "notes.md").touch()
    with pytest.raises(ConfigError, match="means no file"):
        read(tmp_path, tmp_path)


def test_a_name_that_says_no_format_is_said(tmp_path):
    with pytest.raises(ConfigError, match="does not say its format") as refused:
        read(tmp_path, write(tmp_path / "a.dat", "x"))
    assert refused.value.hint == "--input-format csv"


def test_two_formats_in_one_folder_are_said(tmp_path):
    parquet(tmp_path / "a.parquet", ROWS)
    write(tmp_path / "readme.txt", "how this list was made")
    with pytest.raises(ConfigError, match=r"a\.parquet is parquet and .*readme\.txt is txt") as refused:
        read(tmp_path, tmp_path)
    assert refused.value.hint == "--input-format parquet"
    assert read(tmp_path, tmp_path, format="parquet").pairs == PAIRS


def test_two_formats_named_one_by_one_cannot_be_read_as_one(tmp_path):
    parquet(tmp_path / "a.parquet", ROWS)
    write(tmp_path / "b.csv", text_of("csv"))
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, tmp_path / "a.parquet", tmp_path / "b.csv")
    assert refused.value.hint == "name files of one format"


def test_rows_without_captions_in_json_are_counted(tmp_path):
    rows = [{"url": URLS[0]}, {"url": URLS[1], "caption": TEXTS[1]}, {"caption": "x"}, 5, None, [1]]
    file = write(tmp_path / "a.json", json.dumps(rows))
    done = read(tmp_path, file)
    assert done.pairs == [(URLS[1], TEXTS[1])]
    assert done.reasons == ["no_text", "no_url", "bad_row", "bad_row", "bad_row"]
