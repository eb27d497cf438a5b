"""Hosts that fail, connections that close, slots."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

from tests.web.loopback import HERE, Handler, Site, VirtualLoop, answer, run_virtual
from tests.web.visitor.visits import HTML, QUICK, Crawl, to
from wit_builder.errors import FetchError, Gone, Transient
from wit_builder.web.client import Client
from wit_builder.web.network import Lookup, NetworkGuard, Resolver
from wit_builder.web.politeness import HostQueues
from wit_builder.web.settings import Politeness, WebSettings
from wit_builder.web.url import host_of
from wit_builder.web.visitor import Visit, Visitor, overhear

# -- hosts that fail


def test_a_429_makes_the_host_wait_as_long_as_it_asks() -> None:
    crawl = Crawl({"/1": answer(429, b"", Retry_After="30")}).visit("http://a.test/1")
    error = crawl.lost(Transient, "http_429")
    assert isinstance(error, Transient)
    assert error.retry_after == 30.0
    assert 29 < crawl.queues._hosts["a.test"].opens - crawl.queues.now() <= 30


@pytest.mark.parametrize(("status", "pause"), [(429, 4.0), (503, 4.0), (500, 0.0), (404, 0.0)])
def test_a_busy_host_that_does_not_say_for_how_long_waits_longer_each_time(status: int, pause: float) -> None:
    crawl = Crawl(
        {"/1": answer(status)}, politeness=Politeness(host_delay_s=0.0, ip_delay_s=0.0, backoff_s=0.04)
    )

    async def run() -> float:
        await crawl._run(("http://a.test/1",) * 3, "page", {})
        return crawl.queues._hosts["a.test"].opens - crawl.queues.now()

    left = asyncio.run(run())
    assert (0.02 * pause < left <= 0.04 * pause) if pause else left <= 0.0


def test_a_host_that_keeps_failing_is_given_up_and_not_asked_again() -> None:
    crawl = Crawl(
        {"/1": answer(500)}, politeness=Politeness(host_delay_s=0.0, ip_delay_s=0.0, circuit_failures=3)
    )
    crawl.visit(*["http://a.test/1"] * 5)
    errors = [error for error in crawl.got if isinstance(error, FetchError)]
    assert [error.reason for error in errors] == ["http_500"] * 5
    assert [error.evidence.startswith("not asked for: a.test failed 3 times") for error in errors] == [
        *[False] * 3,
        *[True] * 2,
    ]
    assert crawl.asked == ["a.test /1"] * 3


def test_a_404_is_an_answer_and_no_failure() -> None:
    politeness = Politeness(host_delay_s=0.0, ip_delay_s=0.0, circuit_failures=2)
    crawl = Crawl({"/1": answer(500)}, politeness=politeness)
    crawl.visit(*["http://a.test/1", "http://a.test/404"] * 2)
    crawl.lost(Gone, "http_404")


def test_a_host_that_does_not_exist_is_a_dns_failure_and_given_up() -> None:
    crawl = Crawl({}, politeness=Politeness(host_delay_s=0.0, circuit_failures=3))
    crawl.routes = {"none.test": None}
    crawl.visit(*["http://none.test/"] * 3)
    errors = [error for error in crawl.got if isinstance(error, FetchError)]
    assert [error.reason for error in errors] == ["dns"] * 3
    assert errors[2].evidence.startswith("not asked for")


def test_the_address_of_a_host_is_learnt_from_its_answers() -> None:
    crawl = Crawl({"/1": HTML}, politeness=Politeness(host_delay_s=0.0, ip_delay_s=0.001)).visit(
        "http://a.test/1"
    )
    assert crawl.queues._hosts["a.test"].ip == "127.0.0.1"


def test_hosts_at_one_address_are_asked_one_after_the_other() -> None:
    crawl = Crawl({"/1": HTML}, politeness=Politeness(host_delay_s=0.0, ip_delay_s=0.05))
    urls = ("http://a.test/1", "http://b.test/1", "http://a.test/1", "http://b.test/1")

    async def run() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await crawl._run(urls, "page", {})
        return loop.time() - began

    assert asyncio.run(run()) >= 0.1


class Deaf(Client):
    """Remembers when it was asked, in seconds of the queues' clock, and has one answer for everything."""

    def __init__(self, lookup: Lookup, error: FetchError, clock: Callable[[], float]) -> None:
        super().__init__(Resolver(NetworkGuard(), lookup=lookup, clock=clock))
        self.error, self.clock = error, clock
        self.asked: list[float] = []

    async def get(self, url: str, **how: Any) -> Any:
        self.asked.append(round(self.clock(), 6))
        raise self.error


def asked_of(
    hosts: Sequence[str], addresses: Sequence[str], error: FetchError, **politeness: Any
) -> list[float]:
    """When requests began, of hosts that nobody knows and that are taken at once, in virtual time."""

    async def lookup(host: str) -> Sequence[str]:
        await asyncio.sleep(0.01)
        return addresses

    async def main(loop: VirtualLoop) -> list[float]:
        queues: HostQueues[str] = HostQueues(Politeness(**politeness), loop.time)
        client = Deaf(lookup, error, loop.time)
        visitor = Visitor(client, queues, WebSettings())

        async def work() -> None:
            while (url := await queues.take()) is not None:
                with suppress(FetchError):
                    await visitor.visit(url, "page")
                queues.release(host_of(url))

        for host in hosts:
            queues.put(host, f"http://{host}/1")
        await asyncio.gather(*(work() for _ in hosts))
        return client.asked

    return run_virtual(main)


@pytest.mark.parametrize("error", [Gone("http_404"), Transient("http_500"), Transient("timeout")])
def test_new_hosts_at_one_address_are_asked_one_after_the_other_whatever_they_answer(
    error: FetchError,
) -> None:
    asked = asked_of([f"h{n}.test" for n in range(40)], ["1.1.1.1", "2.2.2.2"], error, ip_delay_s=0.1)
    assert len(asked) >= 40
    assert all(after - before >= 0.0999 for before, after in pairwise(asked))
    assert asked[0] < 0.1  # nobody was there before it


def test_where_no_address_counts_new_hosts_are_asked_without_looking_for_theirs() -> None:
    assert asked_of(["a.test", "b.test"], [], Transient("timeout"), ip_delay_s=0.0) == [0.0, 0.0]


def test_a_host_without_an_address_is_looked_for_and_not_asked() -> None:
    assert asked_of(["a.test"], [], Gone("http_404")) == []


async def learnt(site: Site, addresses: Sequence[str], politeness: Politeness, deadline_s: float) -> str:
    """Where a host lives by a visit that fails."""

    async def lookup(host: str) -> Sequence[str]:
        await asyncio.sleep(0 if addresses else 60)
        return addresses

    queues: HostQueues[str] = HostQueues(politeness)
    settings = WebSettings(politeness=politeness, allow_network=HERE, deadline_s=deadline_s)
    async with site.open(), Client(Resolver(NetworkGuard(HERE), lookup=lookup)) as client:
        with pytest.raises(FetchError):
            await Visitor(client, queues, settings)._file(f"http://a.test:{site.port}/1")
    return queues._hosts["a.test"].ip


def test_the_address_of_a_host_is_the_one_that_was_asked_and_not_the_first_that_it_has() -> None:
    politeness = Politeness(host_delay_s=0.0, ip_delay_s=0.001)
    assert asyncio.run(learnt(Site(), ["127.0.0.2", "127.0.0.1"], politeness, 5.0)) == "127.0.0.1"


def test_a_dns_that_says_nothing_is_waited_for_until_the_deadline() -> None:
    assert asyncio.run(learnt(Site(), [], Politeness(), 0.05)) == ""


# -- connections that close


def hangs_up(after: int) -> Handler:
    """Answers so many requests, then closes on the next; and so on."""
    seen = [0]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen[0] += 1
        if seen[0] % (after + 1):
            writer.write(HTML)
        else:
            writer.close()
            raise ConnectionError

    return handle


def test_a_request_that_a_used_connection_closed_on_is_sent_again_in_its_turn() -> None:
    began: list[tuple[float, str]] = []
    crawl = Crawl({"/1": hangs_up(after=1)}, politeness=Politeness(host_delay_s=0.05, ip_delay_s=0.0))
    token = overhear.set(lambda asked: began.append((asked.began, asked.reason)))
    try:
        crawl.visit("http://a.test/1", "http://a.test/1")
    finally:
        overhear.reset(token)
    assert [visit.status for visit in crawl.got if isinstance(visit, Visit)] == [200, 200]
    assert [reason for _, reason in began[2:]] == ["", "connect", ""]
    assert all(after - before >= 0.0499 for (before, _), (after, _) in pairwise(began))


def test_a_new_connection_that_closes_without_an_answer_is_no_reason_to_ask_again_at_once() -> None:
    last = answer(404, Connection="close")
    crawl = Crawl({"/.well-known/tdmrep.json": last, "/1": hangs_up(after=0)}).visit("http://a.test/1")
    crawl.lost(Transient, "connect")
    assert crawl.asked == ["a.test /1"]


# -- slots


def test_a_redirect_gives_every_slot_back() -> None:
    crawl = Crawl({"/1": to("http://b.test/2"), "/2": to("http://c.test/3"), "/3": HTML}).visit(
        "http://a.test/1"
    )
    assert crawl.had
    assert {name: host.in_flight for name, host in crawl.queues._hosts.items()} == dict.fromkeys(
        ("a.test", "b.test", "c.test"), 0
    )


def test_a_redirect_that_fails_gives_every_slot_back() -> None:
    crawl = Crawl({"/1": to("http://b.test/404")}).visit("http://a.test/1")
    crawl.lost(Gone, "http_404")
    assert [host.in_flight for host in crawl.queues._hosts.values()] == [0, 0]


def test_two_hosts_whose_pages_redirect_to_each_other_are_both_visited() -> None:
    async def run() -> tuple[str, str]:
        site = Site({"/a": to("http://b.test/end"), "/b": to("http://a.test/end"), "/end": HTML})
        queues: HostQueues[str] = HostQueues(QUICK)
        settings = WebSettings(politeness=QUICK, allow_network=HERE)

        async def work(visitor: Visitor) -> str:
            url = await queues.take()
            assert url is not None
            visit = await visitor.visit(url, "page")
            queues.release(host_of(url))
            return visit.final_url

        async with site.open():
            routes = {"*": f"127.0.0.1:{site.port}"}
            async with Visitor.open(settings, queues, connect_to=routes) as visitor:
                for name in "ab":
                    queues.put(f"{name}.test", f"http://{name}.test/{name}")
                first, second = await asyncio.gather(work(visitor), work(visitor))
                return first, second

    assert asyncio.run(run()) == ("http://b.test/end", "http://a.test/end")


def test_what_is_no_url_is_a_bad_url() -> None:
    async def run() -> None:
        async with Visitor.open(WebSettings(), HostQueues(QUICK)) as visitor:
            await visitor.visit("nonsense", "page")

    with pytest.raises(Gone, match="bad_url"):
        asyncio.run(run())
