"""The demo and real sites on a Ray cluster of three nodes with a store alone between them, killed at random."""

import gzip
import json
import random
import subprocess
from contextlib import contextmanager, nullcontext

import pytest

from tests.cli.processes import environment, started
from tests.engine import clusters
from tests.journeys.folders import wit
from tests.journeys.test_cluster import bucket, same  # noqa: F401  (a fixture)
from tests.shared_data import shared_data
from tests.site.server import load_headers, served

pytestmark = pytest.mark.slow

KILLS = 5


@contextmanager
def real_sites(folder):
    """The command that crawls them, while they are served."""
    sites, seeds = shared_data("sites"), folder / "seeds.txt"
    lines = gzip.decompress(shared_data("sites/truth.jsonl.gz").read_bytes()).splitlines()
    seeds.write_text("\n".join(json.loads(line)["page"] for line in lines))
    hosts = sorted(path.name for path in sites.iterdir() if path.is_dir())
    with served(sites, load_headers(sites / "headers.json")) as port:
        reach = [f"--connect-to={host}=127.0.0.1:{port}" for host in hosts] + ["--connect-to=*="]
        crawl = ["build", "crawl", "--seeds", str(seeds), "--max-depth", "0", "--contact", "me@example.org"]
        yield [*crawl, "--quiet", "--delay", "0", "--allow-network", "127.0.0.0/8", *reach]


@pytest.fixture(scope="module", params=["demo", "real sites"])
def build(request, tmp_path_factory):
    """A command, and what it makes on one machine."""
    folder = tmp_path_factory.mktemp("undisturbed")
    demo = ["build", "demo", "--pages", "120", "--quiet"]
    with nullcontext(demo) if request.param == "demo" else real_sites(folder) as command:
        done = wit(*command, "--out", folder / "out")
        assert done.returncode == 0, done.stderr
        yield command, folder / "out"


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_killed_and_when_it_is_the_build_of_one_machine(build, bucket, tmp_path, seed):  # noqa: F811
    """Drivers, with a node or without; each driver finds an empty scratch folder."""
    command, undisturbed = build
    rng = random.Random(seed)
    with clusters.cluster(3) as nodes:
        on = ("--out", f"s3://{bucket.name}/run", "--executor", "ray", "--address", nodes.address, "--resume")
        for kill in range(KILLS):
            driver = started(*command, *on, "--scratch", tmp_path / f"{kill}")
            if ended(driver, rng.uniform(3, 15)):
                break
            if rng.random() < 0.5:
                lose_a_node(nodes)
                if ended(driver, rng.uniform(0, 10)):
                    break
            driver.kill()
            driver.communicate()
        done = wit(*command, *on, "--scratch", tmp_path / "last", env=environment())
        assert done.returncode == 0, done.stderr
    assert same(bucket / "run", undisturbed)
    assert not [path for path in (bucket / "run" / "work").rglob("*") if path.is_file()]


def ended(driver, seconds):
    """Whether it ended within so many seconds, as it should."""
    try:
        _, said = driver.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    assert driver.returncode == 0, said
    return True


def lose_a_node(nodes):
    """One of its workers is gone at once, and another comes."""
    nodes.remove_node(nodes.list_all_nodes()[-1], allow_graceful=False)
    nodes.add_node(num_cpus=1, object_store_memory=80 << 20, include_dashboard=False)
