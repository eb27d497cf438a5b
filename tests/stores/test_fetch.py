"""`wit fetch` with OUT at S3: the same shards as in a folder, whatever dies on the way."""

import json
import signal
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from tests.cli.processes import environment, ran
from tests.download import lists
from tests.site import faulty
from tests.site.told import Say, picture, told
from tests.stores.conftest import lead

ROWS = 12  # three shards of four


@pytest.fixture
def web():
    with told() as web:
        lists.tell(web, range(ROWS - 1))
        yield web


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("WIT_SCRATCH", str(tmp_path / "scratch"))
    lists.listed(tmp_path / "a.parquet", range(ROWS))
    return tmp_path


def typed(here, out, web, *more):
    reach = ("--connect-to", f"*=127.0.0.1:{web.port}", "--allow_network", "127.0.0.0/8", "--delay", "0")
    shape = ("--output_format", "webdataset", "--number_sample_per_shard", "4", "--caption_col", "TEXT")
    return ("fetch", here / "a.parquet", "--out", out, "--quiet", *shape, *reach, *more)


def fetched(here, out, web, *more):
    said = ran(*typed(here, out, web, *more), cwd=here)
    assert (said.returncode, said.stderr) == (0, "")
    return said.stdout


def tars(objects):
    return {name: data for name, data in objects.items() if name.endswith(".tar")}


def of_folder(here, web):
    fetched(here, here / "local", web)
    return {path.name: path.read_bytes() for path in sorted((here / "local").glob("*.tar"))}


def test_the_objects_are_the_files_of_a_fetch_into_a_folder(here, web, bucket):
    fetched(here, f"{bucket.url}/run", web)
    objects = bucket.objects("run")
    assert tars(objects) == of_folder(here, web)
    names = {path.name for path in (here / "local").iterdir() if path.is_file()}
    assert set(objects) == names | {"_wit/fetch.json"}
    assert not any((here / "scratch").iterdir())


def test_a_list_with_too_many_shards_leaves_nothing_at_out(here, web, bucket):
    (here / "a.csv").write_text("url\n" + "no address\n" * 11)
    few = ("fetch", here / "a.csv", "--out", f"{bucket.url}/few", "--number_sample_per_shard", "1", "--quiet")
    said = ran(*few, "--contact", "me@example.org", "--oom_shard_count", "1", cwd=here)
    assert (said.returncode, "11 shards cannot be numbered with 1 digit" in said.stderr) == (2, True)
    assert bucket.objects("few") == {}
    assert ran(*few, "--contact", "me@example.org", "--oom_shard_count", "2", cwd=here).returncode == 0


def test_run_again_nothing_is_fetched(here, web, bucket):
    fetched(here, f"{bucket.url}/run", web)
    before, asked = bucket.objects("run"), len(web.asked)
    fetched(here, f"{bucket.url}/run", web)
    assert (bucket.objects("run"), len(web.asked)) == (before, asked)


def test_a_shard_that_was_removed_there_is_fetched_again(here, web, bucket):
    fetched(here, f"{bucket.url}/run", web)
    before = bucket.objects("run")
    for name in ("00001.tar", "00001.parquet", "00001_stats.json"):
        (bucket.folder / "run" / name).unlink()
    fetched(here, f"{bucket.url}/run", web)
    assert tars(bucket.objects("run")) == tars(before)


def test_failures_are_fetched_again_into_the_shard_they_belong_to(here, web, bucket):
    fetched(here, f"{bucket.url}/run", web)
    web.answers[lists.url(ROWS - 1)] = Say(picture(ROWS - 1))
    fetched(here, f"{bucket.url}/run", web, "--retry", "4xx")
    rows = pq.read_table(bucket.folder / "run" / "00002.parquet")
    assert rows.column("status").to_pylist() == ["success"] * 4
    assert json.loads(bucket.objects("run")["00002_stats.json"])["successes"] == 4
    assert tars(bucket.objects("run")) == of_folder(here, web)


@pytest.mark.parametrize("mode", ["incremental", "extend"])
@pytest.mark.parametrize("puts", [2, 8, 10, 11, 12])
def test_killed_while_shards_are_brought_the_same_command_ends_with_the_same_objects(
    here, web, bucket, monkeypatch, puts, mode
):
    running = []

    def kills(method, path, n):
        if [method for method, _ in proxy.asked].count("PUT") == puts:
            running[0].kill()

    with faulty.before(bucket.server.port) as proxy:
        lead(monkeypatch, bucket.server, proxy.port)
        proxy.fault = kills
        asked = typed(here, f"{bucket.url}/run", web, "--incremental_mode", mode)
        command = [sys.executable, "-m", "wit_builder", *map(str, asked)]
        running.append(subprocess.Popen(command, env=environment(), cwd=here))
        assert running[0].wait(timeout=60) == -signal.SIGKILL
        proxy.fault = lambda method, path, n: None
        fetched(here, f"{bucket.url}/run", web, "--incremental_mode", mode)
    assert tars(bucket.objects("run")) == of_folder(here, web)
    assert bucket.objects("run")["__len__"] == str(ROWS - 1).encode()
    assert not any((here / "scratch").iterdir())


def test_overwrite_leaves_what_lies_there(here, web, bucket):
    said = ran(*typed(here, f"{bucket.url}/run", web, "--incremental_mode", "overwrite"), cwd=here)
    assert said.returncode == 2
    assert "remove it with your store's own tool" in said.stderr


def test_what_holds_no_shards_is_left_alone(here, web, bucket):
    (bucket.folder / "run").mkdir(parents=True)
    (bucket.folder / "run" / "notes.txt").write_text("mine")
    said = ran(*typed(here, f"{bucket.url}/run", web), cwd=here)
    assert said.returncode == 2
    assert "is not empty and holds no shards" in said.stderr
