"""`wit forget` of a build at S3: the same objects as in a folder, whatever dies on the way."""

import os
import shutil
import signal

import pytest
import s3fs

from tests import builds
from tests.builds import image_url
from tests.cli.processes import ran
from tests.forget import folders
from tests.forget.test_killed import state
from tests.journeys.folders import tars
from tests.stores.test_commands import files, killed, scratch, started
from wit_builder import report
from wit_builder.blocklist import lists, tombstones
from wit_builder.blocklist.settings import Blocklist

WORDS = ("--url", image_url(5), "--domain", "images-1.test")


@pytest.fixture(scope="module")
def forgotten(tmp_path_factory):
    """The same in a folder."""
    out = shutil.copytree(builds.finished(), tmp_path_factory.mktemp("local") / "out")
    report.write_report(out)
    assert ran("forget", out, *WORDS).returncode == 0
    return out


def test_it_is_the_forgetting_of_a_folder(brought, here, url, bucket, forgotten, wit):
    before = tars(bucket.folder / "run")
    said = wit("forget", url, *WORDS)
    assert said.code == 0 and said.out.startswith("4 pairs gone (domain 3, url 1)")
    assert state(bucket.folder / "run") == state(forgotten)
    assert set(bucket.objects("run")) == set(files(forgotten))
    assert set(tars(bucket.folder / "run")) == set(before)
    assert bucket.objects("run")["report.html"].count(b"data:image/jpeg") == builds.GOOD - 4
    assert wit("verify", url).code == 0
    assert scratch(here) == []


def test_only_what_changes_is_sent(brought, url, bucket, proxy, wit):
    one = next(row for row in _rows(bucket) if row["url"] == image_url(5))["key"][:5]
    proxy.asked.clear()
    assert wit("forget", url, "--url", image_url(5)).code == 0
    sent = [path for method, path in proxy.asked if method == "PUT" and path.endswith(".tar")]
    assert [path.rpartition("/")[2] for path in sent] == [f"{one}.tar"]


def test_a_dry_run_sends_nothing(brought, here, url, bucket, wit):
    before = bucket.objects("run")
    assert wit("forget", url, *WORDS, "--dry-run").out.startswith("4 pairs would go")
    assert bucket.objects("run") == before
    assert scratch(here) == []


def kill_at(proxy, here, url, at):
    """Forgets, and is killed as the file with that end of its name is brought."""
    running = []

    def kills(method, path, n):
        if method == "PUT" and path.endswith(at):
            os.kill(running[-1].pid, signal.SIGKILL)

    proxy.fault = kills
    running.append(started(here, "forget", url, *WORDS))
    assert killed(running[-1])
    proxy.fault = lambda method, path, n: None


@pytest.mark.parametrize("at", ["tombstones.parquet", "00001.tar", "shards.parquet", "build.json"])
def test_killed_while_it_is_brought_the_same_command_ends_the_same(
    brought, here, url, bucket, proxy, forgotten, wit, at
):
    kill_at(proxy, here, url, at)
    assert wit("forget", url, *WORDS).code == 0
    assert state(bucket.folder / "run") == state(forgotten)
    assert wit("verify", url).code == 0
    assert scratch(here) == []


@pytest.mark.parametrize(
    "at", ["tombstones.parquet", "00001.parquet", "part-00000.parquet", "shards.parquet", "build.json"]
)
def test_killed_while_it_is_brought_and_its_scratch_folder_lost_the_same_command_ends_the_same(
    brought, here, url, bucket, proxy, forgotten, wit, at
):
    kill_at(proxy, here, url, at)
    shutil.rmtree(here / "scratch")
    if at != "build.json":  # all else is there then
        said = wit("verify", url)
        assert (said.code, said.error) == (2, f"{url!r} has an unfinished `wit forget`")
        assert said.hint == f"wit forget {url}"
        said = wit("retry", url, "--only", "5xx")
        assert (said.code, said.error, said.hint) == (
            2,
            f"{url!r} has an unfinished `wit forget`",
            f"wit forget {url}",
        )
    assert wit("forget", url, *WORDS).code == 0
    assert state(bucket.folder / "run") == state(forgotten)
    assert set(bucket.objects("run")) == set(files(forgotten))
    assert wit("verify", url).code == 0
    assert scratch(here) == []


def test_a_later_build_takes_the_tombstones_from_there(brought, url, wit):
    wit("forget", url, *WORDS)
    listed = lists.read(Blocklist(tombstones=(f"{url}/{tombstones.NAME}",)))
    assert listed.column("kind").to_pylist() == ["url", "domain"]


def test_what_a_fetch_brought_there_is_refused(url, bucket, wit):
    s3fs.S3FileSystem(use_listings_cache=False).pipe_file(f"{url}/00000_stats.json", b"{}")
    said = wit("forget", url, *WORDS)
    assert (said.code, said.error) == (
        2,
        f"{url} holds shards of `wit fetch`, and those are forgotten in a folder only",
    )


def _rows(bucket):
    return folders.rows(bucket.folder / "run")
