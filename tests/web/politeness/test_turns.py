"""Further requests of an item: redirects, files of rules, starts that were not used."""

import asyncio

import pytest

from tests.web.loopback import VirtualLoop, run_virtual
from tests.web.politeness.queued import Queues
from wit_builder.web.politeness import HostQueues
from wit_builder.web.settings import Politeness


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
