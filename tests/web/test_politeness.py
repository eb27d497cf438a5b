import asyncio
import math
import random
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from tests.web.loopback import VirtualLoop, run_virtual
from wit_builder.web.politeness import HostQueues, Politeness, Wish, backoff

Queues = HostQueues[str]


class Log:
    """Takes items as a crawler does, and remembers when each one's request began."""

    def __init__(self, queues: Queues, takes_s: float = 0.0) -> None:
        self.queues, self.takes_s = queues, takes_s
        self.starts: list[tuple[float, str]] = []
        self.busy: defaultdict[str, int] = defaultdict(int)
        self.most_busy = 0

    async def work(self) -> None:
        while (item := await self.queues.take()) is not None:
            host = item.partition("/")[0]
            await self.queues.pace(host)
            self.starts.append((self.queues.now(), item))
            self.busy[host] += 1
            self.most_busy = max(self.most_busy, self.busy[host])
            await asyncio.sleep(self.takes_s)
            self.busy[host] -= 1
            self.queues.release(host)

    async def crowd(self, workers: int) -> None:
        await asyncio.gather(*(self.work() for _ in range(workers)))

    def times(self, prefix: str = "") -> list[float]:
        return [round(at, 6) for at, item in self.starts if item.startswith(prefix)]

    def items(self) -> list[str]:
        return [item for _, item in self.starts]


def worked(
    *items: str,
    prepare: Callable[[Queues], None] = lambda queues: None,
    before: dict[str, Wish] | None = None,
    workers: int = 8,
    takes_s: float = 0.0,
    **politeness: Any,
) -> Log:
    """What a crowd of workers made of the items ("host/name") in virtual time."""

    async def main(loop: VirtualLoop) -> Log:
        log = Log(HostQueues(Politeness(**politeness), loop.time), takes_s)
        if before is not None:
            log.queues.take_over(before)
        for item in items:
            log.queues.put(item.partition("/")[0], item)
        prepare(log.queues)
        await log.crowd(workers)
        return log

    return run_virtual(main)


def names(host: str, count: int) -> list[str]:
    return [f"{host}/{n}" for n in range(count)]


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


def at(ip: str, *hosts: str) -> Callable[[Queues], None]:
    def learn(queues: Queues) -> None:
        for host in hosts:
            queues.learn(host, ip=ip)

    return learn


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


# -- taking over


def taken_over(wishes: dict[str, Wish], *items: str, **politeness: Any) -> Log:
    """Others asked until 0.0, and heard these wishes."""
    return worked(*items, before=wishes, **politeness)


def test_whoever_takes_over_asks_no_host_before_its_delay_has_passed() -> None:
    log = taken_over({}, *names("a.test", 2), "b.test/1", host_delay_s=2.0)
    assert (log.times("a"), log.times("b")) == ([2.0, 4.0], [2.0])


def test_a_wish_that_others_heard_is_kept() -> None:
    wishes = {"a.test": Wish(delay=7.0), "b.test": Wish(pause=9.0)}
    log = taken_over(wishes, *names("a.test", 2), *names("b.test", 2), "c.test/1")
    assert (log.times("a"), log.times("b"), log.times("c")) == ([7.0, 14.0], [9.0, 10.0], [1.0])


def test_what_hosts_share_is_left_alone_too() -> None:
    log = taken_over({}, "a.x.test/1", "b.x.test/1", host_delay_s=0.0, domain_delay_s=3.0)
    assert log.times() == [3.0, 6.0]


def test_a_wish_is_told_at_once_and_only_what_it_adds() -> None:
    heard: list[tuple[str, Wish]] = []
    queues: Queues = HostQueues(Politeness(), lambda: 0.0, lambda host, wish: heard.append((host, wish)))
    for delay in (0.5, 3.0, 3.0):
        queues.learn("a.test", crawl_delay=delay)
    queues.penalise("b.test", 500.0)
    assert heard == [("a.test", Wish(delay=3.0)), ("b.test", Wish(pause=120.0))]


def test_who_takes_over_is_told_of_hosts_that_asked_for_more_than_the_usual() -> None:
    queues: Queues = HostQueues(Politeness(), lambda: 100.0)
    queues.learn("slow.test", crawl_delay=3.0)
    queues.penalise("busy.test", 60.0)
    queues.penalise("usual.test", 1.0)
    assert queues.wishes() == {"slow.test": Wish(delay=3.0), "busy.test": Wish(pause=60.0)}


@pytest.mark.parametrize(("later", "left"), [(0.0, {"a.test": Wish(pause=9.0)}), (9.5, {})])
def test_a_wish_that_was_taken_over_is_handed_on_until_it_is_over(
    later: float, left: dict[str, Wish]
) -> None:
    clock = [50.0]
    queues: Queues = HostQueues(Politeness(), lambda: clock[0])
    queues.take_over({"a.test": Wish(pause=9.0)})
    clock[0] += later
    assert queues.wishes() == left


@pytest.mark.parametrize("seed", range(10))
def test_killed_at_any_time_two_processes_together_keep_each_hosts_delay(seed: int) -> None:
    """The first one is killed; the second knows only what was heard."""
    rng = random.Random(seed)
    delays = {f"h{n}.test": rng.choice([0.5, 1.0, 4.0]) for n in range(6)}
    wishes: dict[str, Wish] = {}
    starts: list[tuple[float, str]] = []

    async def main(loop: VirtualLoop) -> None:
        for killed_after in (rng.uniform(0.0, 20.0), math.inf):
            queues: Queues = HostQueues(
                Politeness(), loop.time, lambda host, wish: wishes.update({host: wish})
            )
            if starts:
                queues.take_over(dict(wishes))
            log = Log(queues)
            log.starts = starts
            for host in delays:
                for item in names(host, 8):
                    queues.put(host, item)
            began = loop.time()
            crowd = asyncio.ensure_future(log.crowd(4))
            while not crowd.done() and loop.time() - began < killed_after:
                await asyncio.sleep(0.05)
                for host in {item.partition("/")[0] for _, item in starts}:  # robots.txt was read
                    queues.learn(host, crawl_delay=delays[host])
            crowd.cancel()

    run_virtual(main)
    for host, delay in delays.items():
        times = [at for at, item in starts if item.startswith(f"{host}/")]
        assert min(after - before for before, after in pairwise(times)) >= max(1.0, delay) - 1e-6


# -- the end


def test_nothing_queued_and_nothing_taken_is_the_end() -> None:
    assert worked().items() == []


def test_all_waiting_workers_end_with_the_last_release() -> None:
    log = worked("a.test/1", workers=20, takes_s=1.0)
    assert (log.items(), log.queues.now()) == (["a.test/1"], 1.0)


def test_what_an_item_leads_to_is_waited_for() -> None:
    async def main(loop: VirtualLoop) -> list[str | None]:
        queues: Queues = HostQueues(Politeness(), loop.time)
        queues.put("a.test", "page")
        taken = [await queues.take()]
        waiting = asyncio.create_task(queues.take())
        await asyncio.sleep(3)
        queues.put("b.test", "link")
        queues.release("a.test")
        taken.append(await waiting)
        queues.release("b.test")
        return [*taken, await queues.take()]

    assert run_virtual(main) == ["page", "link", None]


def test_no_worker_ends_while_another_may_still_find_something() -> None:
    async def main(loop: VirtualLoop) -> str | None:
        queues: Queues = HostQueues(Politeness(), loop.time)
        for host in ("a.test", "b.test"):
            queues.put(host, host)
            await queues.take()
        waiting = asyncio.create_task(queues.take())
        await asyncio.sleep(1)
        queues.release("a.test")
        await asyncio.sleep(1)
        queues.put("c.test", "found by b")
        return await waiting

    assert run_virtual(main) == "found by b"


def test_an_item_wakes_a_waiting_worker() -> None:
    async def main(loop: VirtualLoop) -> tuple[str | None, float]:
        queues: Queues = HostQueues(Politeness(), loop.time)
        queues.put("a.test", "far", not_before=100.0)
        waiting = asyncio.create_task(queues.take())
        await asyncio.sleep(1)
        queues.put("b.test", "near", not_before=2.0)
        return await waiting, loop.time()

    assert run_virtual(main) == ("near", 2.0)


def test_a_closed_queue_gives_nothing_more() -> None:
    async def main(loop: VirtualLoop) -> list[str | None]:
        queues: Queues = HostQueues(Politeness(), loop.time)
        queues.put("a.test", "later", not_before=9.0)
        waiting = [asyncio.create_task(queues.take()) for _ in range(2)]
        waiting[0].cancel()
        await asyncio.sleep(1)
        queues.close()
        queues.put("b.test", "now")
        return [await waiting[1], await queues.take(), str(loop.time())]

    assert run_virtual(main) == [None, None, "1.0"]


def test_the_queue_knows_how_much_waits() -> None:
    async def main(loop: VirtualLoop) -> list[int]:
        queues: Queues = HostQueues(Politeness(), loop.time)
        sizes = [len(queues)]
        queues.put("a.test", "1")
        queues.put("a.test", "2")
        sizes.append(len(queues))
        await queues.take()
        return [*sizes, len(queues)]

    assert run_virtual(main) == [0, 2, 1]


@pytest.mark.parametrize("given_first", [False, True])
def test_an_item_given_to_a_cancelled_worker_is_not_lost(given_first: bool) -> None:
    async def main(loop: VirtualLoop) -> str | None:
        queues: Queues = HostQueues(Politeness(), loop.time)
        queues.put("z.test", "never", not_before=1e6)
        waiting = asyncio.create_task(queues.take())
        await asyncio.sleep(0)
        if given_first:
            queues.put("a.test", "precious")
            waiting.cancel()
        else:
            waiting.cancel()
            queues.put("a.test", "precious")
        await asyncio.gather(waiting, return_exceptions=True)
        return await queues.take()

    assert run_virtual(main) == "precious"


# -- turns


def test_a_start_that_was_not_used_costs_no_delay() -> None:
    async def main(loop: VirtualLoop) -> float:
        queues: Queues = HostQueues(Politeness(host_delay_s=60.0), loop.time)
        queues.learn("a.test", ip="1.1.1.1")
        for n in range(100):
            queues.put("a.test", f"refused by robots.txt {n}")
        while await queues.take() is not None:
            queues.release("a.test")
        return loop.time()

    assert run_virtual(main) == 0.0


def test_a_start_that_an_item_left_unused_is_no_free_request_of_another_later() -> None:
    async def main(loop: VirtualLoop) -> list[float]:
        queues: Queues = HostQueues(Politeness(host_delay_s=2.0, host_connections=2), loop.time)
        for n in range(3):
            queues.put("a.test", str(n))
        await queues.take()
        await queues.pace("a.test")
        await queues.take()
        queues.release("a.test")  # refused
        await asyncio.sleep(1.5)
        starts = []
        for _ in range(2):
            await queues.pace("a.test")
            starts.append(loop.time())
        return starts

    assert run_virtual(main) == [3.5, 5.5]


def test_a_request_paced_by_take_waits_for_a_pause_that_was_asked_for_since() -> None:
    async def main(loop: VirtualLoop) -> float:
        queues: Queues = HostQueues(Politeness(), loop.time)
        queues.put("a.test", "a")
        await queues.take()
        queues.penalise("a.test", 5.0)
        await queues.pace("a.test")
        return loop.time()

    assert run_virtual(main) == 5.0


def test_each_further_request_of_an_item_waits_for_its_turn() -> None:
    async def main(loop: VirtualLoop) -> list[float]:
        queues: Queues = HostQueues(Politeness(host_delay_s=2.0), loop.time)
        queues.put("a.test", "robots.txt, tdmrep.json, page")
        await queues.take()
        times = []
        for _ in range(3):
            await queues.pace("a.test")
            times.append(loop.time())
        return times

    assert run_virtual(main) == [0.0, 2.0, 4.0]


def test_a_redirect_to_a_busy_host_waits_for_its_slot_and_its_delay() -> None:
    async def main(loop: VirtualLoop) -> list[float]:
        queues: Queues = HostQueues(Politeness(host_delay_s=5.0), loop.time)
        for host in ("a.test", "b.test"):
            queues.put(host, host)
            await queues.take()
        loop.call_later(2.0, queues.release, "b.test")
        await queues.pace("b.test")
        await queues.turn("b.test", leaving="a.test")
        times = [loop.time()]
        await queues.pace("b.test")
        return [*times, loop.time()]

    assert run_virtual(main) == [2.0, 5.0]


def test_an_item_waits_while_a_redirect_holds_its_hosts_slot() -> None:
    async def main(loop: VirtualLoop) -> tuple[str | None, float]:
        queues: Queues = HostQueues(Politeness(host_delay_s=0.0), loop.time)
        queues.put("a.test", "redirects")
        await queues.take()
        queues.put("b.test", "item", not_before=1.0)
        waiting = asyncio.create_task(queues.take())
        await queues.turn("b.test", leaving="a.test")
        loop.call_later(5.0, queues.back, "a.test", "b.test")
        return await waiting, loop.time()

    assert run_virtual(main) == ("item", 5.0)


def test_two_hosts_that_redirect_to_each_other_do_not_block() -> None:
    async def main(loop: VirtualLoop) -> list[str | None]:
        queues: Queues = HostQueues(Politeness(), loop.time)

        async def cross(here: str, there: str) -> None:
            await queues.turn(there, leaving=here)
            await queues.pace(there)
            queues.back(here, leaving=there)
            queues.release(here)

        for host in ("a.test", "b.test"):
            queues.put(host, host)
            await queues.take()
        await asyncio.gather(cross("a.test", "b.test"), cross("b.test", "a.test"))
        queues.put("a.test", "again")
        queues.put("b.test", "again")
        return [await queues.take(), await queues.take()]

    assert run_virtual(main) == ["again", "again"]


def test_a_turn_lets_the_host_that_is_left_go_on() -> None:
    async def main(loop: VirtualLoop) -> tuple[str | None, float]:
        queues: Queues = HostQueues(Politeness(), loop.time)
        for item in ("first", "second"):
            queues.put("a.test", item)
        await queues.take()
        await queues.pace("a.test")
        waiting = asyncio.create_task(queues.take())
        await asyncio.sleep(0)
        await queues.turn("b.test", leaving="a.test")
        return await waiting, loop.time()

    assert run_virtual(main) == ("second", 1.0)


def test_who_waits_for_a_slot_gets_it_before_the_next_item() -> None:
    async def main(loop: VirtualLoop) -> list[str]:
        queues: Queues = HostQueues(Politeness(host_delay_s=0.0), loop.time)
        order: list[str] = []
        for host in ("b.test", "a.test"):
            queues.put(host, host)
            await queues.take()
        queues.put("b.test", "item")
        turn = asyncio.create_task(queues.turn("b.test", leaving="a.test"))
        turn.add_done_callback(lambda _: order.append("turn"))
        item = asyncio.create_task(queues.take())
        item.add_done_callback(lambda _: order.append("item"))
        await asyncio.sleep(1)
        queues.release("b.test")
        await turn
        queues.back("a.test", leaving="b.test")
        await item
        return order

    assert run_virtual(main) == ["turn", "item"]


@pytest.mark.parametrize("granted", [False, True])
def test_a_turn_that_is_cancelled_holds_the_old_slot_again(granted: bool) -> None:
    async def main(loop: VirtualLoop) -> list[str | None]:
        queues: Queues = HostQueues(Politeness(host_delay_s=0.0), loop.time)
        for host in ("a.test", "b.test"):
            queues.put(host, host)
            await queues.take()
        turn = asyncio.create_task(queues.turn("b.test", leaving="a.test"))
        await asyncio.sleep(0)
        if granted:
            queues.release("b.test")
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)
        if not granted:
            queues.release("b.test")
        assert queues._hosts["a.test"].in_flight == 1
        queues.release("a.test")
        queues.put("a.test", "a again")
        queues.put("b.test", "b again")
        return [await queues.take(), await queues.take()]

    assert run_virtual(main) == ["a again", "b again"]


def test_a_turn_at_the_same_host_keeps_the_slot() -> None:
    async def main(loop: VirtualLoop) -> list[str | None]:
        queues: Queues = HostQueues(Politeness(host_delay_s=0.0), loop.time)
        queues.put("a.test", "1")
        queues.put("a.test", "2")
        await queues.take()
        await queues.turn("a.test", leaving="a.test")
        queues.back("a.test", leaving="a.test")
        waiting = asyncio.create_task(queues.take())
        await asyncio.sleep(1)
        queues.close()
        return [await waiting]

    assert run_virtual(main) == [None]


# -- failures


@pytest.mark.parametrize(("failures", "given_up"), [(2, False), (3, True)])
def test_a_host_is_given_up_after_so_many_failures_in_a_row(failures: int, given_up: bool) -> None:
    queues: Queues = HostQueues(Politeness(circuit_failures=3))
    counted = [queues.failed("a.test", "dns") for _ in range(failures)]
    assert counted == list(range(1, failures + 1))
    assert queues.given_up("a.test") == ("dns" if given_up else None)
    assert not queues.given_up("b.test")


@pytest.mark.parametrize(
    ("seconds", "given_up"), [((10.0, 19.9), False), ((10.0, 20.0), True), ((30.0,), True)]
)
def test_a_host_is_given_up_when_its_failures_took_so_long(
    seconds: tuple[float, ...], given_up: bool
) -> None:
    queues: Queues = HostQueues(Politeness(circuit_s=30.0))
    for lost in seconds:
        queues.failed("a.test", "dns", lost)
    assert (queues.given_up("a.test") is not None) is given_up


@pytest.mark.parametrize(
    ("each", "answers", "given_up"), [(5.0, 99, False), (8.0, 9, False), (8.0, 10, True)]
)
def test_a_host_is_given_up_when_its_answers_took_so_long(each: float, answers: int, given_up: bool) -> None:
    queues: Queues = HostQueues(Politeness(circuit_s=30.0, slow_s=5.0))
    for _ in range(answers):
        queues.succeeded("a.test", each)
    assert queues.given_up("a.test") == ("timeout" if given_up else None)


@pytest.mark.parametrize(("quick", "given_up"), [(3, True), (5, False)])
def test_quick_answers_make_up_for_slow_ones(quick: int, given_up: bool) -> None:
    queues: Queues = HostQueues(Politeness(circuit_s=30.0, slow_s=5.0))
    queues.failed("a.test", "dns", 20.0)
    for _ in range(quick):
        queues.succeeded("a.test", 1.0)
    queues.failed("a.test", "dns", 22.0)
    assert (queues.given_up("a.test") is not None) is given_up


def test_an_answer_begins_the_count_anew() -> None:
    queues: Queues = HostQueues(Politeness(circuit_failures=3))
    for failed in (True, True, False, True, True):
        queues.failed("a.test", "dns") if failed else queues.succeeded("a.test")
    assert not queues.given_up("a.test")


def test_the_items_of_a_host_given_up_come_without_delay() -> None:
    def give_up(queues: Queues) -> None:
        queues.penalise("a.test", 50.0)
        queues.put("a.test", "a.test/retry", not_before=99.0)
        queues.failed("a.test", "dns")

    log = worked(*names("a.test", 20), prepare=give_up, circuit_failures=1, workers=1, host_delay_s=9.0)
    assert len(log.starts) == 21
    assert log.starts[0][0] == 50.0  # a crawler would not even pace these


def test_items_put_for_a_host_given_up_are_taken_at_once() -> None:
    async def main(loop: VirtualLoop) -> float:
        queues: Queues = HostQueues(Politeness(circuit_failures=1), loop.time)
        for n in range(20):
            queues.put("a.test", str(n), not_before=10.0 * n)
        await queues.take()
        await queues.pace("a.test")
        queues.failed("a.test", "dns")
        queues.release("a.test")
        while await queues.take() is not None:
            queues.release("a.test")
        return loop.time()

    assert run_virtual(main) == 0.0


def test_failures_of_too_many_hosts_are_forgotten_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wit_builder.web.politeness._MAX_TROUBLES", 2)
    queues: Queues = HostQueues(Politeness())
    counts = [queues.failed(host, "dns") for host in ("a", "b", "c", "c", "b", "a")]
    assert counts == [1, 1, 1, 2, 2, 1]


class Highest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return b


class Lowest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return a


@pytest.mark.parametrize(("tries", "longest"), [(1, 1.0), (2, 2.0), (6, 32.0), (7, 60.0), (10_000, 60.0)])
def test_the_wait_before_a_retry_doubles_up_to_a_minute(tries: int, longest: float) -> None:
    assert backoff(Politeness(), tries, None, Highest()) == longest
    assert backoff(Politeness(), tries, None, Lowest()) == 0.0


@pytest.mark.parametrize(("asked_for", "waited"), [(0.5, 1.0), (90.0, 90.0), (121.0, 120.0), (1e9, 120.0)])
def test_a_retry_waits_as_long_as_the_server_asks_within_reason(asked_for: float, waited: float) -> None:
    assert backoff(Politeness(), 1, asked_for, Highest()) == waited


# -- size


def test_hosts_that_idle_are_forgotten() -> None:
    async def main(loop: VirtualLoop) -> int:
        queues: Queues = HostQueues(Politeness(domain_delay_s=1.0), loop.time)
        for n in range(4_000):
            queues.put(f"h{n}.test", "once")
            await queues.take()
            queues.learn(f"h{n}.test", ip=f"1.1.{n // 256}.{n % 256}")
            await queues.pace(f"h{n}.test")
            queues.release(f"h{n}.test")
            loop.passed += 0.01
        return queues.hosts + len(queues._domains) + len(queues._addresses)

    assert run_virtual(main) < 2000


def test_addresses_that_a_host_has_left_are_forgotten() -> None:
    clock = [0.0]
    queues: Queues = HostQueues(Politeness(), lambda: clock[0])
    for n in range(4_000):
        queues.learn("a.test", ip=f"1.1.{n // 256}.{n % 256}")
        clock[0] += 1.0
    assert len(queues._addresses) < 2000


def test_a_host_is_not_forgotten_before_its_delay_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wit_builder.web.politeness._FIRST_SWEEP", 1)

    async def main(loop: VirtualLoop) -> list[float]:
        log = Log(HostQueues(Politeness(host_delay_s=7.0), loop.time))
        for at_s, items in enumerate((["a.test/1"], [f"h{n}.test/1" for n in range(9)], ["a.test/2"])):
            for item in items:
                log.queues.put(item.partition("/")[0], item)
            if at_s < 2:
                await log.crowd(3)
        await log.crowd(3)
        return log.times("a.test")

    assert run_virtual(main) == [0.0, 7.0]


def test_a_host_is_not_forgotten_while_a_request_without_a_slot_waits_for_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wit_builder.web.politeness._FIRST_SWEEP", 1)

    async def main(loop: VirtualLoop) -> float:
        queues: Queues = HostQueues(Politeness(host_delay_s=5.0, ip_delay_s=3.0), loop.time)

        async def ask(host: str) -> None:  # as for a robots.txt that is redirected there
            queues.learn(host, ip="1.1.1.1")
            await queues.pace(host)

        await ask("a.test")
        waiting = asyncio.create_task(ask("b.test"))
        await asyncio.sleep(1.0)
        for n in range(50):
            queues.learn(f"h{n}.test", ip=f"2.2.2.{n}")
        await waiting
        assert loop.time() == 3.0
        await queues.pace("b.test")
        return loop.time()

    assert run_virtual(main) == 8.0


def test_what_was_just_learnt_of_a_host_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wit_builder.web.politeness._FIRST_SWEEP", 1)
    queues: Queues = HostQueues(Politeness(), lambda: 100.0)
    for n in range(50):
        queues.learn(f"h{n}.test", ip=f"1.1.1.{n}")
        assert queues.located(f"h{n}.test")


def test_an_address_is_not_forgotten_while_a_host_at_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wit_builder.web.politeness._FIRST_SWEEP", 1)

    async def main(loop: VirtualLoop) -> list[float]:
        queues: Queues = HostQueues(Politeness(ip_delay_s=3.0), loop.time)
        log = Log(queues)
        queues.put("a.test", "a.test/1", not_before=10.0)
        queues.learn("a.test", ip="1.1.1.1")
        for n in range(50):
            queues.learn(f"h{n}.test", ip=f"2.2.2.{n}")
        queues.put("b.test", "b.test/1", not_before=10.0)
        queues.learn("b.test", ip="1.1.1.1")
        await log.crowd(2)
        return log.times()

    assert run_virtual(main) == [10.0, 13.0]


def counted_looks(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows by one each time a host is looked at to see whether it may be asked."""
    looks: list[None] = []
    opening = HostQueues._opening

    def counted(queues: Queues, *how: Any) -> float:
        looks.append(None)
        return opening(queues, *how)

    monkeypatch.setattr(HostQueues, "_opening", counted)
    return looks


def test_a_crowd_at_one_address_costs_few_looks_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = counted_looks(monkeypatch)
    hosts = [f"h{n}.test" for n in range(400)]
    log = worked(*hosts, *hosts, prepare=at("1.1.1.1", *hosts), ip_delay_s=0.1, workers=50)
    assert log.queues.now() == pytest.approx(0.1 * 799, rel=1e-3)
    assert len(looks) < 4 * 800


def test_a_crowd_that_nobody_looked_at_for_long_costs_few_looks_a_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = counted_looks(monkeypatch)
    hosts = [f"h{n}.test" for n in range(400)]

    async def main(loop: VirtualLoop) -> None:
        log = Log(HostQueues(Politeness(ip_delay_s=0.1), loop.time))
        for host in hosts:
            log.queues.put(host, host)
            log.queues.learn(host, ip="1.1.1.1")
        for _ in range(2):  # the second look gives everybody a slot
            host = str(await log.queues.take())
            await log.queues.pace(host)
            log.queues.release(host)
        loop.passed += 1000.0
        await log.crowd(10)

    run_virtual(main)
    assert len(looks) < 6 * 400


@pytest.mark.parametrize("seed", range(5))
def test_no_rule_is_broken_by_a_crowd_with_more_workers_than_it_needs_or_fewer(seed: int) -> None:
    rng = random.Random(seed)
    hosts = [f"{n}.d{n % 7}.test" for n in range(40)]
    ip_of = {host: f"1.1.1.{rng.randrange(6)}" for host in hosts}
    items = [f"{rng.choice(hosts)}/{n}" for n in range(600)]

    def learn(queues: Queues) -> None:
        for host, ip in ip_of.items():
            queues.learn(host, ip=ip, crawl_delay=rng.choice([None, 2.0]))

    politeness = {"host_delay_s": 1.0, "domain_delay_s": 0.5, "ip_delay_s": 0.3}
    log = worked(*items, prepare=learn, workers=rng.choice([3, 60]), takes_s=0.2, **politeness)
    assert sorted(log.items()) == sorted(items)
    starts: defaultdict[str, list[float]] = defaultdict(list)
    for start, item in log.starts:
        host = item.partition("/")[0]
        for key in (host, host.split(".")[1], ip_of[host]):
            starts[key].append(start)
    for key, delay in [(h, 1.0) for h in hosts] + [(f"d{n}", 0.5) for n in range(7)] + [("1.1.1.0", 0.3)]:
        assert all(b - a >= delay - 1e-9 for a, b in pairwise(starts[key]))


def test_all_clocks_are_kept_busy() -> None:
    """The shortest possible time is 60 items at the slowest address, 0.3 s apart."""
    hosts = [f"{n}.test" for n in range(120)]

    def learn(queues: Queues) -> None:
        for n, host in enumerate(hosts):
            queues.learn(host, ip=f"1.1.1.{n % 2}")

    log = worked(*hosts, prepare=learn, ip_delay_s=0.3, takes_s=0.25, workers=20)
    assert log.times()[-1] <= 59 * 0.3 + 0.1


class Surfer:
    """Does to the queues all that visitors may: looks up hosts, is refused, redirected, asks others for files."""

    def __init__(self, queues: Queues, ip_of: dict[str, str], rng: random.Random) -> None:
        self.queues, self.ip_of, self.rng = queues, ip_of, rng
        self.starts: defaultdict[str, list[float]] = defaultdict(list)

    async def ask(self, host: str) -> None:
        if not self.queues.located(host):
            await asyncio.sleep(self.rng.choice([0.0, 0.01, 2.5]))
            self.queues.learn(host, ip=self.ip_of[host])
        await self.queues.pace(host)
        for key in (host, host.split(".")[1], self.ip_of[host]):
            self.starts[key].append(self.queues.now())
        await asyncio.sleep(self.rng.choice([0.0, 0.3, 1.7]))

    async def work(self) -> None:
        while (host := await self.queues.take()) is not None:
            requests = self.rng.choice([0, 1, 1, 3])  # none of a URL that a rule refuses
            for _ in range(requests):
                await self.ask(host)
            if requests and self.rng.random() < 0.3:
                target = self.rng.choice(list(self.ip_of))
                await self.queues.turn(target, host)
                await self.ask(target)
                self.queues.back(host, target)
            if requests and self.rng.random() < 0.2:
                await self.ask(self.rng.choice(list(self.ip_of)))
            self.queues.release(host)


@pytest.mark.parametrize("connections", [1, 3])
def test_no_rule_is_broken_whatever_visitors_do_and_whenever_addresses_are_learnt(connections: int) -> None:
    for seed in range(40):
        rng = random.Random(seed)
        ip_of = {f"{n}.d{n % 5}.test": f"1.1.1.{rng.randrange(3)}" for n in range(12)}

        async def main(loop: VirtualLoop, rng: random.Random, ip_of: dict[str, str]) -> Surfer:
            politeness = Politeness(domain_delay_s=0.5, ip_delay_s=0.3, host_connections=connections)
            surfer = Surfer(HostQueues(politeness, loop.time), ip_of, rng)
            for host in rng.choices(list(ip_of), k=80):
                surfer.queues.put(host, host)
            await asyncio.gather(*(surfer.work() for _ in range(rng.choice([3, 30]))))
            return surfer

        starts = run_virtual(partial(main, rng=rng, ip_of=ip_of)).starts
        delays = dict.fromkeys(ip_of, 1.0) | {f"d{n}": 0.5 for n in range(5)}
        for key, times in starts.items():
            delay = delays.get(key, 0.3)
            assert all(after - before >= delay - 1e-9 for before, after in pairwise(times)), (seed, key)
