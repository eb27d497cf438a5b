"""No host is ever above its rate, by the log of the web: under many workers, and when they are killed."""

import os
import signal
import threading
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from tests.engine import clusters
from tests.fetch.pairs import candidate
from tests.site.told import Say, told
from wit_builder.engine import shuffle
from wit_builder.engine.cluster import RayExecutor
from wit_builder.engine.local import LocalExecutor, Needs
from wit_builder.engine.stage import number, run_stage
from wit_builder.images.picture import ImageSpec
from wit_builder.records import CANDIDATE_SCHEMA, to_table
from wit_builder.web.settings import OptOut, Politeness, WebSettings
from wit_builder.web.url import host_of, registrable_domain

BINS = 5
DELAY_S, DOMAIN_DELAY_S, CRAWL_DELAY_S, PAUSE_S = 1.0, 0.8, 8.0, 9.0
LATE_S = 0.4  # that a request may be on its way longer than the one after it

ROBOTS = Say(f"User-agent: *\nCrawl-delay: {CRAWL_DELAY_S}".encode(), type="text/plain")
BUSY = Say(status=503, headers=(("Retry-After", f"{PAUSE_S:.0f}"),))
SHARED = [
    f"http://{host}.shared.test/{n}" for host in "abc" for n in range(2)
]  # one domain, one pace for all hosts
OTHERS = [f"http://h{host}.test/{n}" for host in range(8) for n in range(3)]
GIANT = [f"http://giant.test/{n}" for n in range(8)]
SLOW, PAUSED = ["http://slow.test/0"], ["http://busy.test/0"]


@pytest.fixture
def web():
    with told() as told_web:
        told_web.answers = {"http://slow.test/robots.txt": ROBOTS, PAUSED[0]: [BUSY, Say(status=404)]}
        yield told_web


def fetched(root: Path, web, executor):
    """What a build's fetch does, in five tasks; all pictures are missing."""
    urls = SHARED + OTHERS + GIANT + SLOW + PAUSED
    rows = to_table([candidate(url) for url in urls], CANDIDATE_SCHEMA)
    domains = (registrable_domain(host_of(url)) for url in urls)
    shuffle.write(root / "in", rows, shuffle.partition_of(domains, BINS), BINS)
    session = {"connect_to": list(web.connect_to.items()), "blocklist": ""}
    (root / "session.json").write_bytes(orjson.dumps(session))
    polite = Politeness(host_delay_s=DELAY_S, domain_delay_s=DOMAIN_DELAY_S, ip_delay_s=0.0)
    settings = WebSettings(optout=OptOut(tdmrep=False), politeness=polite, allow_network=("127.0.0.0/8",))
    params = {"inputs": [str(root / "in")], "bins": BINS, "stays": [], "web": settings, "image": ImageSpec()}
    tasks, needs = number(list(range(BINS))), Needs(io=True, retries=20)
    fetch = "wit_builder.fetch.fetch:fetch"
    records = run_stage(executor, root, "fetch", fetch, tasks, params, needs, lambda *_: None)
    assert sum(record.funnel["fetch"].seen for record in records) == len(urls)


def below_this_process(pid: int) -> bool:
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
        if pid == os.getpid():
            return True
    return False


def workers() -> list[int]:
    """Processes that run tasks."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            serves = b"local:serve_task" in (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if serves and below_this_process(int(folder.name)):
            found.append(int(folder.name))
    return found


def heard(root: Path) -> bool:
    told = b"".join(path.read_bytes() for path in root.glob("fetch/*/journal.jsonl"))
    return b"slow.test" in told and b"busy.test" in told


@contextmanager
def killing(web, root: Path, times: int):
    """All workers, so many times: once both hosts have said what they want, then after every twenty requests."""
    killed, over = [], threading.Event()

    def kill() -> None:
        seen = 0
        while len(killed) < times and not over.wait(0.02):
            if len(web.log) >= seen + 20 and heard(root):
                seen = len(web.log)
                for pid in workers():
                    os.kill(pid, signal.SIGKILL)
                killed.append(seen)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert len(killed) == times


def check_rates(web) -> None:
    """Requests, robots.txt among them, lie so far apart as the settings and their host ask."""
    hosts = {host for _, host, _ in web.log}
    assert len(hosts) == 14
    for host in hosts:
        assert closest(web, {host}) >= (CRAWL_DELAY_S if host == "slow.test" else DELAY_S) - LATE_S, host
    assert closest(web, {host for host in hosts if host.endswith("shared.test")}) >= DOMAIN_DELAY_S - LATE_S
    asked = [at for at, host, _ in web.log if host == "busy.test"]
    told_at = next(at for at, _, url in web.log if url == PAUSED[0])
    assert min(at for at in asked if at > told_at) - told_at >= PAUSE_S - LATE_S


def closest(web, hosts: set[str]) -> float:
    """The least seconds between two requests to any of these."""
    times = [at for at, host, _ in web.log if host in hosts]
    return min(after - before for before, after in pairwise(times))


def test_many_local_workers_keep_every_hosts_rate(web, tmp_path):
    executor = LocalExecutor(workers=12)  # three tasks at a time
    fetched(tmp_path, web, executor)
    executor.close()
    check_rates(web)


def test_workers_that_are_killed_keep_every_hosts_rate(web, tmp_path):
    executor = LocalExecutor(workers=12)
    with killing(web, tmp_path, 3):
        fetched(tmp_path, web, executor)
    executor.close()
    check_rates(web)
    assert 14 <= len(web.rules) < 20  # each once, but for what was on its way when workers died


@pytest.mark.slow
def test_workers_of_a_cluster_that_are_killed_keep_every_hosts_rate(web, tmp_path):
    with clusters.cluster(3) as nodes:
        executor = RayExecutor(nodes.address)
        with killing(web, tmp_path, 3):
            fetched(tmp_path, web, executor)
        executor.close()
    check_rates(web)
