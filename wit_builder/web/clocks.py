"""When hosts, and what hosts share, may next be asked; politeness.py decides by them."""

import asyncio
import math
from dataclasses import dataclass, field
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


@dataclass(slots=True, eq=False)
class Clock:
    """When the hosts that share something, a domain or an address, may next be asked."""

    delay: float
    opens: float = 0.0
    line_end: float = 0.0  # the first slot that nobody waits for

    def slot(self) -> float:
        """A place in the line of those who wait for it: when it is theirs."""
        slot = max(self.line_end, self.opens)
        self.line_end = slot + self.delay
        return slot

    def idle(self, now: float) -> bool:
        """Whether it holds nobody up."""
        return self.opens <= now and self.line_end <= now


@dataclass(slots=True, eq=False)
class Host(Generic[ItemT]):
    """What is known of a host, and what waits for it."""

    name: str
    delay: float  # seconds from start to start
    opens: float = 0.0  # its own clock; may be asked from then on
    started: float = -math.inf  # when it was last asked
    shared: tuple[Clock, ...] = ()  # its domain's clock if domains count, its address's if known
    place: list[float] = field(default_factory=list)  # slots in their lines
    ip: str = ""
    work: list[tuple[float, int, ItemT]] = field(default_factory=list)  # heap: not before, order, item
    due: float = math.inf  # time of its heap entry
    in_flight: int = 0
    credit: int = 0  # requests that were paced already, by `take`
    credited: float = -math.inf  # when the last of them was, until one is used or given back
    asks: list[asyncio.Future[None]] = field(default_factory=list)  # who waits for a slot in `turn`
    pacing: int = 0  # how many wait in `pace`, some of them without a slot

    def idle(self, now: float) -> bool:
        """Whether it could be forgotten."""
        held = self.work or self.in_flight or self.asks or self.pacing
        return not held and self.opens <= now

    def start(self, now: float) -> None:
        """A request to it begins."""
        self.started = now
        self.opens = now + self.delay
        self.place.clear()
        for clock in self.shared:
            clock.opens = now + clock.delay

    def use(self, now: float) -> bool:
        """Begin the request that `take` paced; false where a clock has been asked or held back since."""
        paced = self.opens == self.credited + self.delay
        paced &= all(clock.opens == self.credited + clock.delay for clock in self.shared)
        self.credit, self.credited = self.credit - 1, -math.inf
        if paced:
            self.start(now)
        return paced

    def refund(self) -> None:
        """A start was not used (a rule refused the URL): whoever is next need not wait for it."""
        last = self.started == self.credited
        self.credit, self.credited = self.credit - 1, -math.inf
        if not last:
            return  # another request began since
        if self.opens == self.started + self.delay:
            self.opens = self.started
        for clock in self.shared:
            if clock.opens == self.started + clock.delay:
                clock.opens = self.started
