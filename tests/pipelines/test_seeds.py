import os
import threading

import pytest

from wit_builder.errors import ConfigError
from wit_pipelines import seeds


def file_of(tmp_path, data):
    path = tmp_path / "seeds.txt"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)


def test_addresses_and_files_are_read_in_their_order_each_once(tmp_path):
    path = file_of(tmp_path, "http://b.test/\nhttp://a.test/\n")
    given = ("http://a.test/", path, "http://c.test/", path)
    assert seeds.read(given) == ("http://a.test/", "http://b.test/", "http://c.test/")


def test_empty_lines_and_comments_do_not_count(tmp_path):
    text = "\ufeff# mine\n\n  http://a.test/#part  \r\n   # off\r\n\t\nhttp://b.test/"
    assert seeds.read((file_of(tmp_path, text),)) == ("http://a.test/#part", "http://b.test/")


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_a_file_without_an_address_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match="there is not one seed address"):
        seeds.read((file_of(tmp_path, text),))


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n\0\0", b"http://a.test/\0", b"\xff\xfeh\0t\0", b"http://\xe9.test/"]
)
def test_a_file_that_is_no_text_is_refused(tmp_path, data):
    with pytest.raises(ConfigError, match=r"seed file .*seeds\.txt is no text in UTF-8"):
        seeds.read((file_of(tmp_path, data),))


def test_a_line_that_is_no_address_is_named(tmp_path):
    path = file_of(tmp_path, "http://a.test/\n\nftp://b.test/\n")
    with pytest.raises(ConfigError, match=r"seeds\.txt, line 3: 'ftp://b\.test/' is no http\(s\) address"):
        seeds.read((path,))


@pytest.mark.parametrize(
    "url", ["http://[::bad", "http://", "ftp://a.test/", "http://a.test/" + "x" * 10_000_000]
)
def test_an_address_that_is_none_is_refused_in_a_short_sentence(tmp_path, url):
    for given in (url, file_of(tmp_path, url)):
        with pytest.raises(ConfigError, match=r"is no http\(s\) address") as refused:
            seeds.read((given,))
        assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("seed", "hint"),
    [
        ("example.org", "--seeds https://example.org/"),
        ("example.org/", "--seeds https://example.org/"),
        ("seeds.txt", "write addresses as https://example.org/, in a file one a line"),
        ("nothing", "write addresses as https://example.org/, in a file one a line"),
        ("lists/none.txt", "write addresses as https://example.org/, in a file one a line"),
        (".", "write addresses as https://example.org/, in a file one a line"),
    ],
)
def test_what_is_neither_address_nor_file_is_refused(tmp_path, monkeypatch, seed, hint):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="is neither an address nor a file") as refused:
        seeds.read((seed,))
    assert refused.value.hint == hint


def test_a_file_is_read_up_to_a_limit(tmp_path, monkeypatch):
    path = file_of(tmp_path, "http://a.test/\n")
    monkeypatch.setattr(seeds, "MAX_FILE_BYTES", 15)
    assert seeds.read((path,)) == ("http://a.test/",)
    monkeypatch.setattr(seeds, "MAX_FILE_BYTES", 14)
    with pytest.raises(ConfigError, match="is over 0 MiB"):
        seeds.read((path,))


def test_a_file_without_an_end_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(seeds, "MAX_FILE_BYTES", 1 << 20)
    with pytest.raises(ConfigError, match="/dev/zero is over 1 MiB"):
        seeds.read(("/dev/zero",))


def test_seeds_have_a_limit(monkeypatch):
    monkeypatch.setattr(seeds, "MAX_SEEDS", 2)
    urls = ("http://a.test/", "http://b.test/", "http://c.test/")
    assert seeds.read(urls[:2]) == urls[:2]
    with pytest.raises(ConfigError, match="there are 3 seed addresses, expected at most 2"):
        seeds.read(urls)


def test_a_pipe_is_a_file_too(tmp_path):
    """As a shell makes one of `--seeds <(grep org list.txt)`."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text("http://a.test/\n"))
    writer.start()
    assert seeds.read((str(tmp_path / "pipe"),)) == ("http://a.test/",)
    writer.join()
