"""The demo on a Ray cluster of three nodes, one of which is lost, and whose driver is killed: the same data set.

Once all see a folder; once they share nothing but a store.
"""

import csv
import gzip
import json
import os
import signal
import subprocess
import time
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from tests.cli.processes import WIT, environment
from tests.engine import clusters
from tests.journeys.folders import ROOT, kept, lost, tars, wit
from tests.shared_data import shared_data
from tests.site import s3
from tests.site.server import load_headers, served

PAGES = 60
BUILD = ["build", "demo", "--pages", str(PAGES), "--quiet"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """By one machine."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    done = wit(*BUILD, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """The folder of a bucket whose server this process and its children find."""
    with s3.serving("creating", tmp_path / "s3") as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server.bucket("demo-bucket")


def same(out, other):
    return (tars(out), lost(out), kept(out)) == (tars(other), lost(other), kept(other))


def on(nodes, out, *more):
    """The command, begun on that cluster."""
    typed = [*WIT, *BUILD, "--out", str(out), "--executor", "ray", "--address", nodes.address, *more]
    return subprocess.Popen(typed, stderr=subprocess.PIPE, text=True, env=environment(), cwd=ROOT)


def wait_for(folder, pattern, run):
    while not list(folder.glob(pattern)) and run.poll() is None:
        time.sleep(0.05)


def test_a_cluster_that_loses_a_node_makes_the_same_data_set(undisturbed, tmp_path):
    """Its clocks are a day apart."""
    with clusters.cluster(3, apart_s=86_400.0) as nodes:
        run = on(nodes, tmp_path / "out")
        wait_for(tmp_path / "out", "work/select*/done/*.json", run)
        nodes.remove_node(nodes.list_all_nodes()[1], allow_graceful=False)
        _, said = run.communicate(timeout=300)
        assert run.returncode == 0, said
    assert same(tmp_path / "out", undisturbed)
    sidecars = [pq.read_table(path, columns=["fetched_at"]) for path in tmp_path.glob("out/shards/*.parquet")]
    days = {row["fetched_at"].date() for table in sidecars for row in table.to_pylist()}
    assert days and datetime.now(UTC).date() not in days  # no task had this machine's clock


def test_what_a_killed_driver_left_on_a_cluster_is_gone_on_with_on_one_machine(undisturbed, tmp_path):
    with clusters.cluster(3) as nodes:
        run = on(nodes, tmp_path / "out")
        wait_for(tmp_path / "out", "work/fetch/plan.json", run)
        os.kill(run.pid, signal.SIGKILL)
        run.communicate()
    done = wit(*BUILD, "--out", tmp_path / "out", "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert same(tmp_path / "out", undisturbed)


def test_nodes_that_share_nothing_but_a_store_make_the_same_data_set(
    undisturbed, bucket, tmp_path, monkeypatch
):
    """A node is lost, then the driver is killed; another cluster goes on with other scratch folders."""
    url, work = f"s3://{bucket.name}/run", bucket / "run" / "work"
    monkeypatch.setenv("WIT_SCRATCH", str(tmp_path / "first"))
    with clusters.cluster(3) as nodes:
        run = on(nodes, url)
        wait_for(work, "select*/done/*.json", run)
        nodes.remove_node(nodes.list_all_nodes()[2], allow_graceful=False)
        wait_for(work, "fetch/00000/*/chunk-*.tar", run)
        os.kill(run.pid, signal.SIGKILL)
        _, said = run.communicate()
        assert run.returncode == -signal.SIGKILL, said
    assert list(work.glob("*/done/*.json"))
    monkeypatch.setenv("WIT_SCRATCH", str(tmp_path / "second"))
    with clusters.cluster(2) as nodes:
        run = on(nodes, url, "--resume")
        _, said = run.communicate(timeout=300)
        assert run.returncode == 0, said
    assert same(bucket / "run", undisturbed)
    assert not work.exists() or not [path for path in work.rglob("*") if path.is_file()]
    assert not [path for path in (tmp_path / "second").rglob("*") if path.is_file()]


@pytest.fixture
def real(tmp_path):
    """A list of real images with their texts, and how its hosts are reached."""
    lines = gzip.decompress(shared_data("sites/truth.jsonl.gz").read_bytes()).splitlines()
    images = [image for line in lines for image in json.loads(line)["images"]]
    pairs = [(url, alt) for _, alt, url, _ in images if alt]
    listed = tmp_path / "pairs.csv"
    with listed.open("w", newline="") as file:
        csv.writer(file).writerows([("url", "caption"), *pairs[::20]])
    sites = shared_data("sites")
    hosts = sorted(path.name for path in sites.iterdir() if path.is_dir())
    with served(sites, load_headers(sites / "headers.json")) as port:
        reach = [f"--connect-to={host}=127.0.0.1:{port}" for host in hosts] + ["--connect-to=*="]
        yield [
            *("build", "url-list", "--input", str(listed), "--contact", "me@example.org", "--quiet"),
            *("--delay", "0", "--allow-network", "127.0.0.0/8", *reach),
        ]


def test_a_real_list_is_fetched_by_nodes_that_share_nothing_but_a_store(real, bucket, tmp_path, monkeypatch):
    """The driver is killed once images are there; one machine goes on."""
    url, work = f"s3://{bucket.name}/run", bucket / "run" / "work"
    monkeypatch.setenv("WIT_SCRATCH", str(tmp_path / "first"))
    done = wit(*real, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    with clusters.cluster(2) as nodes:
        typed = [*WIT, *real, "--out", url, "--executor", "ray", "--address", nodes.address]
        run = subprocess.Popen(typed, stderr=subprocess.PIPE, text=True, env=environment(), cwd=ROOT)
        wait_for(work, "fetch/*/*/chunk-*.tar", run)
        os.kill(run.pid, signal.SIGKILL)
        _, said = run.communicate()
        assert run.returncode == -signal.SIGKILL, said
    monkeypatch.setenv("WIT_SCRATCH", str(tmp_path / "second"))
    done = wit(*real, "--out", url, "--resume", env=environment())
    assert done.returncode == 0, done.stderr
    assert kept(tmp_path / "out") and same(bucket / "run", tmp_path / "out")
