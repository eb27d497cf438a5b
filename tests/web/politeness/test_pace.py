"""Delays of hosts, domains and addresses, and the order of what waits."""

import asyncio

import pytest

from tests.web.loopback import VirtualLoop, run_virtual
from tests.web.politeness.queued import Log, Queues, at, names, worked
from wit_builder.web.politeness import HostQueues
from wit_builder.web.settings import Politeness

# -- delays


def test_a_hosts_items_come_in_order_one_delay_apart() -> None:
    log = worked(*names("a.test", 4), host_delay_s=2.0)
    assert log.items() == names("a.test", 4)
    assert log.times() == [0.0, 2.0, 4.0, 6.0]


def test_hosts_do_not_wait_for_each_other() -> None:
    log = worked(*names("a.test", 2), *names("b.test", 2), host_delay_s=2.0)
    assert log.times() == [0.0, 0.0, 2.0, 2.0]


def test_the_delay_runs_from_start_to_start() -> None:
    assert worked(*names("a.test", 3), host_delay_s=2.0, takes_s=0.5).times() == [0.0, 2.0, 4.0]
    assert worked(*names("a.test", 3), host_delay_s=2.0, takes_s=3.0).times() == [0.0, 3.0, 6.0]


@pytest.mark.parametrize(("asked_for", "kept"), [(0.5, 1.0), (1.0, 1.0), (7.0, 7.0)])
def test_the_longer_of_our_delay_and_the_hosts_is_kept(asked_for: float, kept: float) -> None:
    def learn(queues: Queues) -> None:
        queues.learn("a.test", crawl_delay=asked_for)

    assert worked(*names("a.test", 3), prepare=learn).times() == [0.0, kept, 2 * kept]


def test_a_crawl_delay_learnt_late_holds_from_the_last_start() -> None:
    async def main(loop: VirtualLoop) -> float:
        queues: Queues = HostQueues(Politeness(), loop.time)
        queues.put("a.test", "robots.txt, then the page")
        await queues.take()
        await queues.pace("a.test")
        queues.learn("a.test", crawl_delay=10.0)
        await queues.pace("a.test")
        return loop.time()

    assert run_virtual(main) == 10.0


def test_hosts_of_a_domain_share_its_delay() -> None:
    items = ["a.x.test/1", "b.x.test/1", "c.x.test/1", "a.y.test/1"]
    log = worked(*items, domain_delay_s=0.5)
    assert (log.times("a.x"), log.times("b.x"), log.times("c.x")) == ([0.0], [0.5], [1.0])
    assert log.times("a.y") == [0.0]


def test_hosts_at_an_address_share_its_delay_once_it_is_known() -> None:
    items = ["a.test/1", "b.test/1", "c.test/1", "d.test/1"]
    log = worked(*items, prepare=at("1.1.1.1", "a.test", "b.test", "c.test"), ip_delay_s=0.25)
    assert log.times() == [0.0, 0.0, 0.25, 0.5]
    assert log.times("d") == [0.0]


def test_an_address_learnt_counts_the_start_it_was_learnt_from() -> None:
    async def main(loop: VirtualLoop) -> float:
        queues: Queues = HostQueues(Politeness(ip_delay_s=0.25), loop.time)
        for host in ("a.test", "b.test"):
            queues.learn(host, ip="2.2.2.2")
            queues.put(host, host)
        assert await queues.take() == "a.test"
        await queues.pace("a.test")
        queues.learn("a.test", ip="1.1.1.1")
        queues.learn("b.test", ip="1.1.1.1")
        assert await queues.take() == "b.test"
        return loop.time()

    assert run_virtual(main) == 0.25


def test_hosts_whose_address_is_learnt_once_they_were_taken_share_its_delay_too() -> None:
    async def main(loop: VirtualLoop) -> list[float]:
        queues: Queues = HostQueues(Politeness(ip_delay_s=0.25), loop.time)
        starts = []

        async def work() -> None:
            while (host := await queues.take()) is not None:
                await asyncio.sleep(0.1)  # as a look-up takes
                queues.learn(host, ip="1.1.1.1")
                await queues.pace(host)
                starts.append(round(loop.time(), 6))
                queues.release(host)

        for host in ("a.test", "b.test", "c.test"):
            queues.put(host, host)
        await asyncio.gather(*(work() for _ in range(3)))
        return starts

    assert run_virtual(main) == [0.1, 0.35, 0.6]


def test_an_address_is_known_once_it_was_learnt_and_need_not_be_where_none_counts() -> None:
    counted: Queues = HostQueues(Politeness())
    assert not counted.located("a.test")
    counted.learn("a.test", ip="1.1.1.1")
    assert counted.located("a.test")
    assert HostQueues[str](Politeness(ip_delay_s=0.0)).located("a.test")


def test_domain_and_address_hold_together() -> None:
    hosts = [f"{name}.x.test" for name in "abcd"]
    log = worked(*hosts, prepare=at("1.1.1.1", *hosts), domain_delay_s=0.3, ip_delay_s=0.5)
    assert log.times() == [0.0, 0.5, 1.0, 1.5]


def test_no_delay_means_no_waiting() -> None:
    log = worked(*names("a.test", 50), host_delay_s=0.0, ip_delay_s=0.0)
    assert log.times() == [0.0] * 50


@pytest.mark.parametrize("connections", [1, 3])
def test_no_more_requests_to_a_host_than_it_has_connections(connections: int) -> None:
    log = worked(*names("a.test", 9), host_delay_s=0.0, takes_s=1.0, host_connections=connections)
    assert log.most_busy == connections
    assert log.queues.now() == 9 / connections


def test_a_pause_holds_for_the_whole_host_and_is_bounded() -> None:
    def pause(queues: Queues) -> None:
        queues.penalise("a.test", 5.0)
        queues.penalise("a.test", 3.0)
        queues.penalise("b.test", 1e9)

    log = worked("a.test/1", "b.test/1", "c.test/1", prepare=pause, max_retry_after_s=60.0)
    assert (log.times("a"), log.times("b"), log.times("c")) == ([5.0], [60.0], [0.0])


# -- order


def test_of_the_hosts_that_may_be_asked_the_one_waiting_longest_goes_first() -> None:
    hosts = [*names("big.test", 4), "late.test/1", "later.test/1"]
    log = worked(*hosts, workers=1, takes_s=1.5, host_delay_s=1.0)
    assert log.items() == ["big.test/0", "late.test/1", "later.test/1", *names("big.test", 4)[1:]]


def test_a_host_with_a_thousand_items_does_not_hold_up_the_others() -> None:
    log = worked(*names("big.test", 1000), *(f"h{n}.test/1" for n in range(50)), workers=1, host_delay_s=0.0)
    last_small = max(n for n, item in enumerate(log.items()) if item.startswith("h"))
    assert last_small <= 100


def test_an_item_is_not_given_before_its_time_and_does_not_hold_up_others() -> None:
    async def main(loop: VirtualLoop) -> list[tuple[float, str]]:
        log = Log(HostQueues(Politeness(host_delay_s=1.0), loop.time))
        log.queues.put("a.test", "a.test/late", not_before=5.0)
        log.queues.put("a.test", "a.test/soon", not_before=2.0)
        log.queues.put("a.test", "a.test/now")
        await log.crowd(2)
        return log.starts

    assert run_virtual(main) == [(0.0, "a.test/now"), (2.0, "a.test/soon"), (5.0, "a.test/late")]
