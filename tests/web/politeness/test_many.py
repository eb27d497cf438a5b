"""Many hosts, and rules that hold whatever happens."""

import asyncio
import random
from collections import defaultdict
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from tests.web.loopback import VirtualLoop, run_virtual
from tests.web.politeness.queued import Log, Queues, at, worked
from wit_builder.web.politeness import HostQueues
from wit_builder.web.settings import Politeness


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
