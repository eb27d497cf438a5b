"""Crowds of workers at the queues of hosts, in virtual time."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tests.web.loopback import VirtualLoop, run_virtual
from wit_builder.web.politeness import HostQueues, Wish
from wit_builder.web.settings import Politeness

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


def at(ip: str, *hosts: str) -> Callable[[Queues], None]:
    def learn(queues: Queues) -> None:
        for host in hosts:
            queues.learn(host, ip=ip)

    return learn
