"""OUT at a URL: what is brought there, in which order, and what a fault leaves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest

from tests.site import faulty, s3
from tests.stores.conftest import lead
from wit_builder import objects, place, storage, store
from wit_builder.errors import BuildError, ConfigError, ShardError

MB = 1 << 20
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(store, "AT_ONCE_S", 0.0)
    monkeypatch.setattr(store, "PATIENCE_S", 0.0)


@pytest.fixture
def folder(tmp_path):
    """A scratch folder with three files."""
    for name in ("shards/0.tar", "shards/0.parquet", "build.json"):
        storage.write_bytes(tmp_path / "scratch" / name, name.encode())
    return tmp_path / "scratch"


@pytest.fixture
def files(folder):
    return [folder / name for name in ("shards/0.tar", "shards/0.parquet", "build.json")]


@pytest.fixture
def there(bucket, folder):
    return place.Remote(f"{bucket.url}/run", folder, newer=True)


@pytest.fixture
def proxy(bucket, monkeypatch):
    with faulty.before(bucket.server.port) as told:
        lead(monkeypatch, bucket.server, told.port)
        yield told


def puts(proxy):
    return [path.partition("/run/")[2] for method, path in proxy.asked if method in ("PUT", "POST")]


def test_files_are_brought_in_the_order_given(proxy, there, files, bucket):
    there.push(reversed(files))
    assert puts(proxy) == ["build.json", "shards/0.parquet", "shards/0.tar"]
    assert bucket.objects("run") == {
        name: name.encode() for name in ("build.json", "shards/0.parquet", "shards/0.tar")
    }


def test_what_is_there_already_is_not_sent_again(proxy, there, files):
    there.push(files)
    proxy.asked.clear()
    there.push(files)
    assert puts(proxy) == []


def test_other_bytes_of_the_same_size_are_sent(proxy, there, files, bucket):
    there.push(files)
    storage.write_bytes(files[2], files[2].read_bytes()[::-1])
    proxy.asked.clear()
    there.push(files)
    assert puts(proxy) == ["build.json"]
    assert bucket.objects("run")["build.json"] == b"nosj.dliub"


def test_the_same_size_from_somebody_else_is_not_trusted(proxy, there, files, bucket):
    (bucket.folder / "run").mkdir()
    (bucket.folder / "run" / "build.json").write_bytes(b"x" * 10)
    there.push([files[2]])
    assert bucket.objects("run") == {"build.json": b"build.json"}


def test_a_file_appears_when_all_of_it_has_come(proxy, there, files, bucket):
    there.push(files)
    proxy.fault = lambda method, path, n: 503 if path.endswith("0.parquet") and method == "PUT" else None
    storage.write_bytes(files[0], b"new tar")
    storage.write_bytes(files[1], b"new parquet")
    with pytest.raises(BuildError, match=r"run/shards/0\.parquet cannot be written: .* status 503") as caught:
        there.push(files)
    assert "--resume" in caught.value.hint
    assert bucket.objects("run")["shards/0.tar"] == b"new tar"
    assert bucket.objects("run")["shards/0.parquet"] == b"shards/0.parquet"


def test_a_passing_fault_costs_nothing(proxy, there, files, bucket, monkeypatch):
    monkeypatch.setattr(store, "PATIENCE_S", 20.0)
    proxy.fault = lambda method, path, n: [503, "reset", 500][n - 1] if method == "PUT" and n < 4 else None
    there.push(files[:1])
    assert bucket.objects("run") == {"shards/0.tar": b"shards/0.tar"}


def test_a_store_that_is_written_to_is_given_time_to_list(proxy, there, files, monkeypatch):
    monkeypatch.setattr(store, "PATIENCE_S", 20.0)
    there.push(files[:1])
    faults = iter([503, 503, 503])
    proxy.fault = lambda method, path, n: next(faults, None)
    assert there.sizes("shards/*.tar") == {"shards/0.tar": 12}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "access is denied"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "its host does not answer"),
    ],
)
def test_why_it_cannot_be_written_is_said(there, files, monkeypatch, change, said):
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    s3.let_go()
    with pytest.raises(BuildError, match=f"0.tar cannot be written: {said}"):
        place.Remote(there.name, there.folder, newer=True).push(files)


def test_a_bucket_that_is_not_there_is_said(bucket, folder, files):
    with pytest.raises(BuildError, match="its bucket is not there"):
        place.Remote(f"{bucket.url}-none/run", folder, newer=True).push(files)
    with pytest.raises(ConfigError, match="its bucket is not there"):
        place.at(f"{bucket.url}-none/run").sizes("*")


# -- big files


@pytest.fixture
def big(folder, monkeypatch):
    """A file of five parts and a bit."""
    monkeypatch.setattr(objects, "PART", 5 * MB)
    path = folder / "big.tar"
    path.write_bytes(os.urandom(MB) * 26)
    return path


def test_a_big_file_goes_in_parts(proxy, there, big, bucket):
    there.push([big])
    assert bucket.objects("run")["big.tar"] == big.read_bytes()
    assert puts(proxy) == ["big.tar"] * 8  # begun, 6 parts, ended
    assert bucket.server.unfinished() == []


def test_an_upload_that_fails_leaves_nothing(proxy, there, big, bucket):
    proxy.fault = lambda method, path, n: 503 if method == "PUT" and n > 2 else None
    with pytest.raises(BuildError, match=r"big\.tar cannot be written"):
        there.push([big])
    assert (bucket.objects(), bucket.server.unfinished()) == ({}, [])


def test_a_killed_upload_leaves_nothing_that_the_next_does_not_end(proxy, bucket, there, big):
    os.truncate(big, 40 * MB)  # the other process takes larger parts
    proxy.fault = lambda method, path, n: 3.0 if method == "PUT" and n > 2 else None
    with uploading(f"{bucket.url}/run", big.parent) as process:
        wait_for(lambda: bucket.server.unfinished())
        process.send_signal(signal.SIGKILL)
    assert (bucket.objects(), len(bucket.server.unfinished())) == ({}, 1)
    proxy.fault = lambda method, path, n: None
    there.push([big])
    assert (list(bucket.objects("run")), bucket.server.unfinished()) == (["big.tar"], [])


def test_uploads_of_others_are_left_alone(bucket, there, big):
    fs = fsspec.filesystem("s3", skip_instance_cache=True)
    fs.call_s3("create_multipart_upload", Bucket=bucket.name, Key="run2/theirs.tar")
    there.push([big])
    assert len(bucket.server.unfinished()) == 1


def test_memory_does_not_grow_with_the_file(bucket, tmp_path):
    """300 MB of zeros, that take no disk here."""
    with (tmp_path / "zeros.tar").open("wb") as file:
        file.truncate(300 * MB)
    with uploading(f"{bucket.url}/run", tmp_path) as process:
        said, _ = process.communicate(timeout=60)
    assert (bucket.folder / "run" / "zeros.tar").stat().st_size == 300 * MB
    assert int(said) < 200 * 1024  # KiB


def uploading(url, folder):
    command = [sys.executable, "-m", "tests.stores.uploading", url, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def wait_for(true):
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# -- what is there


def test_what_is_there_is_listed_and_what_is_here_is_newer(there, files, bucket):
    there.push(files)
    storage.write_bytes(files[1], b"newer")
    (there.folder / "shards" / ".tmp").touch()
    reader = place.at(there.name)
    assert there.sizes("shards/*") == {"shards/0.parquet": 5, "shards/0.tar": 12}
    assert reader.sizes("shards/*") == {"shards/0.parquet": 16, "shards/0.tar": 12}
    assert (reader.sizes("*"), reader.sizes("none/*")) == ({"build.json": 10}, {})
    assert reader.sizes("build.json") == {"build.json": 10}
    assert (reader.pieces(), place.at(f"{there.name}2").pieces()) == ({"build.json", "shards"}, None)
    with there.open("shards/0.parquet") as newer, reader.open("shards/0.parquet") as older:
        assert (newer.read(), older.read()) == (b"newer", b"shards/0.parquet")


def test_what_is_pulled_is_whole_and_not_pulled_twice(proxy, there, files, tmp_path):
    there.push(files)
    other = place.Remote(there.name, tmp_path / "other", newer=True)
    other.pull(["shards/*", "build.json"])
    assert (other.folder / "shards" / "0.tar").read_bytes() == b"shards/0.tar"
    proxy.asked.clear()
    other.pull(["shards/*", "build.json"])
    assert [path for method, path in proxy.asked if method == "GET" and "/run/" in path] == []


def test_a_file_that_was_damaged_there_is_not_taken(there, files, bucket, tmp_path):
    there.push(files)
    (bucket.folder / "run" / "build.json").write_bytes(b"build_json")
    with pytest.raises(BuildError, match="has other bytes than were written there"):
        place.Remote(there.name, tmp_path / "other", newer=True).pull(["build.json"])
    assert not (tmp_path / "other" / "build.json").exists()


def test_pruning_removes_what_is_not_here_and_nothing_else(there, files, bucket):
    there.push(files)
    files[1].unlink()
    files[2].unlink()
    there.prune("shards/*")
    assert list(bucket.objects("run")) == ["build.json", "shards/0.tar"]


# -- a store where a file is seen while it is written


def test_elsewhere_a_file_is_written_under_another_name_and_moved(folder, files, monkeypatch):
    there = place.Remote("memory://out/run", folder, newer=True)
    fs, written = there.objects._fs, []
    monkeypatch.setattr(fs, "put_file", lambda local, key: (written.append(key), fs.pipe_file(key, b"1")))
    there.push(files[:1])
    assert written[0].startswith("/out/run/shards/.0.tar.") and written[0].endswith(".tmp")
    assert fs.find("/out") == ["/out/run/shards/0.tar"]
    fs.store.clear()


# -- which OUT, which scratch folder


@pytest.mark.parametrize("out", ["https://example.org/run", "hf://datasets/me/run", "memory://run"])
def test_a_url_that_cannot_be_written_is_refused(out):
    with pytest.raises(ConfigError, match="cannot be written"), place.of(out):
        pass


@pytest.mark.parametrize("out", ["s3://", "s3:///"])
def test_a_url_without_a_bucket_is_refused(out, tmp_path):
    with pytest.raises(ConfigError, match="names no bucket"), place.of(out, tmp_path):
        pass


@pytest.mark.parametrize("out", ["s3://bucket//run", "s3://bucket/a//run", "s3://bucket/run//"])
def test_a_url_with_an_empty_name_is_refused(out, tmp_path):
    with (
        pytest.raises(ConfigError, match="an empty name between two slashes") as caught,
        place.of(out, tmp_path),
    ):
        pass
    assert caught.value.hint == f"--out {out.replace('//', '/').replace('s3:/', 's3://')}"


def test_each_url_has_a_scratch_folder_of_its_own(tmp_path, monkeypatch, bucket):
    def folder(url, scratch=None):
        with place.of(url, scratch) as there:
            return there.folder

    monkeypatch.setenv("WIT_SCRATCH", str(tmp_path))
    first = folder("s3://b/run")
    assert first == folder("s3://b/run/") and first.parent == tmp_path
    assert folder("s3://b/run", tmp_path / "x").parent == tmp_path / "x"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert first not in {folder("s3://b/run"), folder("s3://c/run")}
    monkeypatch.delenv("WIT_SCRATCH")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert folder("s3://b/run").parent == tmp_path / "cache" / "wit-builder"


def test_what_was_begun_for_a_url_is_known(tmp_path, monkeypatch, bucket):
    monkeypatch.setenv("WIT_SCRATCH", str(tmp_path))
    assert place.begun(f"{bucket.url}/run") is None
    with place.of(f"{bucket.url}/run") as there:
        (there.folder / "work").mkdir(parents=True)
    assert place.begun(f"{bucket.url}/run") == there.folder


@pytest.mark.parametrize("head", ["file://", "file:", "FILE://localhost", "local://"])
def test_a_local_out_is_worked_in_itself(tmp_path, monkeypatch, head):
    monkeypatch.chdir(tmp_path)
    with place.of("my out") as there:
        assert (there.folder, there.name, there.at("a")) == (Path("my out"), "my out", "my out/a")
    with place.of(f"{head}{tmp_path}/my%20out") as there:
        assert there.folder == tmp_path / "my out"


def test_an_error_about_the_scratch_folder_names_the_url(tmp_path, bucket):
    with (
        pytest.raises(ShardError, match=r"^s3://b/run/shards is odd$"),
        place.of("s3://b/run", tmp_path) as there,
    ):
        raise ShardError(f"{there.folder}/shards is odd")


def test_the_scratch_folder_goes_when_it_is_released_and_only_then(tmp_path, bucket):
    for released in (False, True):
        with place.of("s3://b/run", tmp_path) as there:
            storage.write_bytes(there.folder / "a", b"")
            if released:
                there.release()
        assert (list(tmp_path.iterdir()) == []) == released
