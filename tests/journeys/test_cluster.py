"""The demo on a Ray cluster of three nodes, one of which is lost, and whose driver is killed: the same data set."""

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

PAGES = 60
BUILD = ["build", "demo", "--pages", str(PAGES), "--quiet"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """By one machine."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    done = wit(*BUILD, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


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
