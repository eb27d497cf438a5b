"""What hosts asked for holds when a crawl goes on after kill -9, by the log of the web."""

import asyncio
import subprocess
import sys
import time
import uuid
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.processes import ROOT
from tests.site.told import REACH, Say, told
from wit_builder import mirror
from wit_builder.crawl.crawler import CrawlResult, crawl
from wit_builder.crawl.settings import Crawl
from wit_builder.extract.settings import Extraction
from wit_builder.web.journal import NAME, Journal
from wit_builder.web.settings import OptOut, Politeness, WebSettings

DELAY_S, CRAWL_DELAY_S, PAUSE_S = 0.6, 1.8, 3.0
LATE_S = 0.3  # that a request may be on its way longer than the one after it
SEEDS = ("http://plain.test/", "http://slow.test/", "http://busy.test/")
WEB = WebSettings(
    politeness=Politeness(host_delay_s=DELAY_S, ip_delay_s=0.0),
    allow_network=("127.0.0.0/8",),
    optout=OptOut(tdmrep=False),
)


@pytest.fixture
def web():
    with told() as told_web:
        robots = f"User-agent: *\nCrawl-delay: {CRAWL_DELAY_S}".encode()
        busy = Say(status=429, headers=(("Retry-After", f"{PAUSE_S:.0f}"),))
        told_web.answers = {
            "http://slow.test/robots.txt": Say(robots, type="text/plain"),
            "http://busy.test/": [busy, Say(status=404)],
        }
        yield told_web


def crawled(folder: Path, port: int, attempt: str) -> CrawlResult:
    return asyncio.run(
        crawl(
            Crawl(SEEDS),
            WEB,
            Extraction(),
            folder,
            attempt=attempt,
            stop=lambda: False,
            report=lambda counts: None,
            connect_to={REACH: f"127.0.0.1:{port}"},
        )
    )


def killed_once_all_have_spoken(folder: Path, web) -> None:
    """The page of each host but the slow one has been asked for, and both that wish for something have said so."""
    command = [sys.executable, "-m", "tests.crawl.test_wishes", str(folder), str(web.port)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        until = time.monotonic() + 30
        while len(web.asked) < 2 or b"busy.test" not in (folder / NAME).read_bytes():
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.01)
        process.kill()


def closest(web, host: str) -> float:
    """The least seconds between two requests to it."""
    return min(after - before for before, after in pairwise(at for at, name, _ in web.log if name == host))


def test_a_crawl_that_was_killed_keeps_every_delay_and_waits_out_every_pause(web, tmp_path):
    killed_once_all_have_spoken(tmp_path, web)
    assert crawled(tmp_path, web.port, "0000000b").finished
    assert closest(web, "plain.test") > DELAY_S - LATE_S
    assert closest(web, "slow.test") > CRAWL_DELAY_S - LATE_S
    told_at, *later = (at for at, host, _ in web.log if host == "busy.test" and at >= asked(web, SEEDS[2]))
    assert min(later) - told_at > PAUSE_S - LATE_S


def asked(web, url: str) -> float:
    """When it first was."""
    return next(at for at, _, asked_for in web.log if asked_for == url)


def test_a_finished_crawl_leaves_what_whoever_comes_next_must_know_wherever_that_is(web, tmp_path):
    web.answers["http://busy.test/"] = Say(status=404)
    url = f"memory://{uuid.uuid4().hex}/run"
    for attempt in ("0000000a", "0000000b"):  # the second finds it finished
        with mirror.met(url, tmp_path / attempt):
            crawled(tmp_path / attempt / "home", web.port, attempt)
    with mirror.met(url, tmp_path / "fetch"):
        wishes = Journal(mirror.here(tmp_path / "fetch" / "home" / NAME)).wishes
    assert {host: wish.delay for host, wish in wishes.items() if wish.delay} == {"slow.test": CRAWL_DELAY_S}


if __name__ == "__main__":
    crawled(Path(sys.argv[1]), int(sys.argv[2]), "0000000a")
