"""Which files a user's words mean."""

import os

import pytest
import s3fs

from tests.stores.conftest import lead
from wit_builder import remote, store
from wit_builder.errors import ConfigError

SUFFIXES = (".parquet", ".csv")
ODD = ["a b.csv", "100%.csv", "a%20b.csv", "[x].csv", "q?.csv", "ünï.csv", "日本.csv", "a#b;c&d+e.csv"]


def names(*words):
    return [source.url for source in remote.expand(words, SUFFIXES)]


@pytest.fixture
def folder(tmp_path):
    for name in ("b.csv", "a.parquet", "notes.txt", "sub/c.CSV", ".hidden.csv", "_SUCCESS", "_tmp/d.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    return tmp_path


def test_a_folder_means_its_files_of_these_endings_and_nothing_hidden(folder):
    assert names(str(folder)) == [f"{folder}/{name}" for name in ("a.parquet", "b.csv", "sub/c.CSV")]


def test_a_glob_means_what_it_matches_whatever_its_ending(folder):
    assert names(f"{folder}/*") == [f"{folder}/{name}" for name in ("a.parquet", "b.csv", "notes.txt")]
    assert names(f"{folder}/**/*.[cC]*") == [f"{folder}/b.csv", f"{folder}/sub/c.CSV"]


def test_a_file_that_is_named_counts_whatever_it_is_called(folder):
    assert names(f"{folder}/_SUCCESS") == [f"{folder}/_SUCCESS"]


def test_words_keep_their_order_and_a_file_counts_once(folder):
    found = names(f"{folder}/b.csv", f"{folder}/*.parquet", str(folder))
    assert found == [f"{folder}/{name}" for name in ("b.csv", "a.parquet", "sub/c.CSV")]


def test_a_relative_path_becomes_absolute(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert names("sub") == [f"{folder}/sub/c.CSV"]


def test_a_file_url_is_decoded_and_a_path_is_not(tmp_path):
    (tmp_path / "a b.csv").touch()
    (tmp_path / "a%20b.csv").touch()
    assert names(f"file://{tmp_path}/a%20b.csv") == [f"{tmp_path}/a b.csv"]
    assert names(f"{tmp_path}/a%20b.csv") == [f"{tmp_path}/a%20b.csv"]


@pytest.mark.parametrize("name", ODD)
def test_a_name_that_exists_is_taken_as_it_is(tmp_path, name):
    (tmp_path / name).write_bytes(b"here")
    (source,) = remote.expand([f"{tmp_path}/{name}"], SUFFIXES)
    with remote.opened(source.url) as file:
        assert (source.url, source.bytes, file.read()) == (f"{tmp_path}/{name}", 4, b"here")


def test_a_version_differs_when_the_bytes_do(tmp_path):
    path = tmp_path / "a.csv"
    seen = set()
    for at, text in ((1, "1"), (2, "1"), (2, "12")):
        path.write_text(text)
        os.utime(path, ns=(at, at))
        seen.add(remote.expand([str(path)], SUFFIXES)[0].version)
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("nowhere.csv", "cannot be read: No such file or directory"),
        ("/dev/zero", "'/dev/zero' is a pipe or a device, expected a file"),
        ("*.xyz", "means no file"),
        ("empty", "means no file"),
        ("s3://", "cannot be read"),
        ("foo://a/b.csv", "is no path or URL that is known"),
    ],
)
def test_a_word_that_means_nothing_is_said(tmp_path, monkeypatch, word, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=said) as caught:
        names(word)
    assert word in str(caught.value)


def test_a_package_that_is_missing_is_named_with_what_to_type():
    with pytest.raises(ConfigError, match=r"gs://b/a\.csv needs a package") as caught:
        names("gs://b/a.csv")
    assert caught.value.hint == "pip install 'wit-builder[gcs]'"


# -- S3


@pytest.fixture
def filled(bucket):
    for name in ("in/b.csv", "in/a.parquet", "in/notes.txt", "in/sub/c.csv", "in/_tmp/d.csv", "in/.e.csv"):
        (bucket.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (bucket.folder / name).write_bytes(b"12")
    return bucket


def test_a_folder_at_s3_means_the_same(filled):
    wanted = [f"{filled.url}/in/{name}" for name in ("a.parquet", "b.csv", "sub/c.csv")]
    assert names(f"{filled.url}/in") == names(f"{filled.url}/in/") == wanted
    assert names(filled.url) == wanted


def test_a_glob_at_s3_means_the_same(filled):
    assert names(f"{filled.url}/in/*") == [
        f"{filled.url}/in/{name}" for name in ("a.parquet", "b.csv", "notes.txt")
    ]
    assert names(f"{filled.url}/in/**/*.csv") == [f"{filled.url}/in/b.csv", f"{filled.url}/in/sub/c.csv"]


def test_size_and_version_come_from_the_store(filled):
    fs, url = s3fs.S3FileSystem(use_listings_cache=False), f"{filled.url}/v.csv"
    versions = []
    for text in (b"one", b"two", b"two"):
        fs.pipe_file(url, text)
        (source,) = remote.expand([url], SUFFIXES)
        versions.append(source.version)
        assert source.bytes == 3
    assert versions[0] != versions[1] == versions[2] != ""


def test_odd_names_at_s3_are_taken_as_they_are(moto, monkeypatch):
    lead(monkeypatch, moto)
    fs = s3fs.S3FileSystem(use_listings_cache=False)
    fs.mkdir("odd")
    for name in ODD:
        fs.pipe_file(f"odd/in/{name}", name.encode())
    assert sorted(names("s3://odd/in")) == sorted(f"s3://odd/in/{name}" for name in ODD)
    for name in ODD:
        (source,) = remote.expand([f"s3://odd/in/{name}"], SUFFIXES)
        with remote.opened(source.url) as file:
            assert file.read() == name.encode()


@pytest.mark.parametrize(
    ("more", "said", "hint"),
    [
        ({"AWS_ACCESS_KEY_ID": ""}, "there are no credentials for it", "AWS_PROFILE"),
        ({"AWS_PROFILE": "nobody"}, r"there are no credentials for it \(.*nobody", "AWS_PROFILE"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "access is denied", "AWS_ACCESS_KEY_ID"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "its host does not answer", "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "http://nowhere.invalid"}, "its host cannot be found", "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "nonsense"}, "nonsense", None),
    ],
)
def test_why_s3_cannot_be_read_is_one_sentence(filled, monkeypatch, more, said, hint):
    monkeypatch.setattr(store, "AT_ONCE_S", 0.0)
    for name, value in more.items():
        monkeypatch.setenv(name, value)
        if name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
            monkeypatch.delenv("AWS_ACCESS_KEY_ID"), monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigError, match=said) as caught:
        names(f"{filled.url}/in/b.csv")
    assert str(caught.value).startswith(f"{filled.url}/in/b.csv cannot be read: ")
    assert (hint or "") in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("word", "said"),
    [("{}/in/none.csv", "it is not there"), ("{}-none/in/b.csv", "its bucket is not there")],
)
def test_what_is_not_at_s3_is_said(filled, word, said):
    with pytest.raises(ConfigError, match=said):
        names(word.format(filled.url))


def test_a_glob_at_s3_that_matches_nothing_is_said(filled):
    with pytest.raises(ConfigError, match="means no file"):
        names(f"{filled.url}/in/*.xyz")


@pytest.mark.parametrize(
    ("urls", "names"),
    [
        (["/d/a.csv", "s3://b/d/b.csv"], ["a.csv", "b.csv"]),
        (["/d/1/a.csv", "/d/2/a.csv", "/d/b.csv"], ["1/a.csv", "2/a.csv", "b.csv"]),
        (["/x/1/d/a.csv", "/x/2/d/a.csv"], ["1/d/a.csv", "2/d/a.csv"]),
        (["/a.csv", "/d/a.csv"], ["/a.csv", "d/a.csv"]),
        (
            ["https://a.test/a.csv?n=1", "https://b.test/a.csv"],
            ["https://a.test/a.csv?n=1", "https://b.test/a.csv"],
        ),
        (["/d/a.csv", "/d/a.csv"], ["a.csv", "a.csv"]),
    ],
)
def test_files_of_one_name_are_told_apart_by_their_folders(urls, names):
    found = remote.told_apart(urls)
    assert [found[url] for url in urls] == names
