"""Taking over from others, and the end."""

import asyncio
import math
import random
from itertools import pairwise
from typing import Any

import pytest

from tests.web.loopback import VirtualLoop, run_virtual
from tests.web.politeness.queued import Log, Queues, names, worked
from wit_builder.web.politeness import HostQueues, Wish
from wit_builder.web.settings import Politeness

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
