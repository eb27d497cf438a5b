"""What a user's words mean: files, folders, globs, and lists of paths."""

import gzip

import pytest

from tests.shared_data import shared_data
from wit_builder.archive.inputs import COMMON_CRAWL, files
from wit_builder.archive.settings import Archives
from wit_builder.errors import ConfigError


@pytest.fixture
def folder(tmp_path):
    for name in ("a.warc.gz", "b.warc", "c.warc.zst", "d.warc.wat.gz", "e.warc.wet.gz", "notes.txt"):
        (tmp_path / name).touch()
    return tmp_path


def named(folder, *words, kind="warc"):
    return [path.removeprefix(f"{folder}/") for path in files([str(word) for word in words], kind)]


@pytest.mark.parametrize(
    ("kind", "names"), [("warc", ["a.warc.gz", "b.warc", "c.warc.zst"]), ("wat", ["d.warc.wat.gz"])]
)
def test_a_folder_is_its_archives_of_that_kind(folder, kind, names):
    assert named(folder, folder, kind=kind) == names


def test_a_file_is_read_whatever_its_name_and_once(folder):
    assert named(folder, folder / "notes.txt", folder / "*.txt", folder / "b.warc") == ["notes.txt", "b.warc"]


def test_no_word_means_no_file():
    assert files([], "warc") == []


def test_a_list_names_files_beside_it_urls_and_else_common_crawl_s(folder):
    lines = ["a.warc.gz", "crawl-data/x.warc.gz", "s3://bucket/y.warc.gz", "", "a.warc.gz"]
    (folder / "some.paths").write_text("\n".join(lines))
    assert named(folder, folder / "some.paths") == [
        "a.warc.gz",
        f"{COMMON_CRAWL}crawl-data/x.warc.gz",
        "s3://bucket/y.warc.gz",
    ]


def test_common_crawl_s_own_list_is_read(tmp_path):
    found = files([str(shared_data("warc/commoncrawl-whirlwind/CC-MAIN-2024-22.warc.paths.gz"))], "warc")
    assert found
    assert all(url.startswith(f"{COMMON_CRAWL}part-") for url in found)  # that is what lies there


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "lists no file"),
        (b"\x1f\x8b\x08broken", "is no list of paths"),
        (gzip.compress(b"\0\1\2"), "is no list of paths"),
        (b"\xff\xfe", "is no list of paths"),
    ],
    ids=["nothing", "broken", "binary", "latin"],
)
def test_what_is_no_list_is_said(tmp_path, data, said):
    (tmp_path / "x.paths.gz").write_bytes(data)
    with pytest.raises(ConfigError, match=said):
        files([str(tmp_path / "x.paths.gz")], "wat")


def test_a_word_that_means_nothing_is_said(tmp_path):
    with pytest.raises(ConfigError, match="means no file"):
        files([str(tmp_path / "*.warc.gz")], "warc")


def test_archives_of_nothing_are_refused():
    with pytest.raises(ConfigError, match="no archive is named"):
        Archives()
