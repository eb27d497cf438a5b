"""Who may be asked when: a queue per host, with clocks that hosts, domains and addresses share.

A host is asked again only when its own delay, its domain's and its address's have passed since they were last
asked. Of the hosts that may be asked now, the one that became ready first goes first. Every decision costs
O(log hosts): a host that must wait for a shared clock gets a slot in that clock's line and comes back then,
however many wait for the same one.

A worker takes an item and with it one of the host's connections and the right to one request at once:

    while (item := await queues.take()) is not None:
        if not queues.located(host):
            queues.learn(host, ip=...)
        await queues.pace(host)      # before each request; the first one is free where the address was known
        ...                          # put() more, learn(), penalise(), succeeded() or failed()
        queues.release(host)
"""

import asyncio
import heapq
import math
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from wit_builder.web.clocks import Clock, Host
from wit_builder.web.settings import Politeness
from wit_builder.web.url import registrable_domain

ItemT = TypeVar("ItemT")

_MAX_BACKOFF_S = 60.0
_MAX_TROUBLES = 100_000  # hosts whose failures are remembered
_FIRST_SWEEP = 1_024


class Wish(NamedTuple):
    """What a host asked for, in seconds; 0 for nothing."""

    delay: float = 0.0  # from request to request
    pause: float = 0.0  # to be left alone from now on


def backoff(politeness: Politeness, tries: int, retry_after: float | None, rng: random.Random) -> float:
    """Seconds to wait before the next try of an item.

    tries: made so far, 1 or more. retry_after: what the server asked for; never waited for less, up to
    max_retry_after_s.
    """
    longest = min(_MAX_BACKOFF_S, politeness.backoff_s * 2.0 ** min(tries - 1, 30))
    return max(rng.uniform(0.0, longest), min(retry_after or 0.0, politeness.max_retry_after_s))


class HostQueues(Generic[ItemT]):
    """Items waiting for their hosts. Not thread-safe: one event loop, from one task to thousands.

    clock: seconds; times given to and by this class are on it. heard: told of each wish of a host at once.
    """

    def __init__(
        self,
        politeness: Politeness,
        clock: Callable[[], float] = time.monotonic,
        heard: Callable[[str, Wish], None] = lambda host, wish: None,
    ) -> None:
        self.politeness = politeness
        self.now = clock
        self._heard = heard
        self._before: Mapping[str, Wish] = {}  # what hosts asked others for
        self._since = -math.inf  # when these others may have asked any host
        self._limit = politeness.host_connections
        self._hosts: dict[str, Host[ItemT]] = {}
        self._domains: dict[str, Clock] = {}
        self._addresses: dict[str, Clock] = {}
        self._sweep_at = _FIRST_SWEEP
        self._due: list[tuple[float, int, Host[ItemT]]] = []  # heap; valid at its host's `due`
        self._count = 0  # makes heap entries unique, and first come first served
        self._waiting = 0
        self._taken = 0
        self._takers: deque[asyncio.Future[tuple[Host[ItemT], ItemT] | None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._troubles: dict[str, tuple[int, float]] = {}  # failures in a row, seconds lost
        self._given_up: dict[str, str] = {}  # host: why
        self._closed = False

    def __len__(self) -> int:
        """Items put and not yet taken."""
        return self._waiting

    @property
    def hosts(self) -> int:
        """Hosts that something is remembered of; idle ones are forgotten once their delay has passed."""
        return len(self._hosts)

    def take_over(self, wishes: Mapping[str, Wish]) -> None:
        """Others have asked until now: each host is left alone for its delay, or the pause it asked them for.

        To be called before all else.
        """
        self._before, self._since = wishes, self.now()

    def wishes(self) -> dict[str, Wish]:
        """What whoever takes over now has to know of hosts, besides that they may just have been asked."""
        now, usual = self.now(), self.politeness.host_delay_s
        found = {name: wish for name, wish in self._before.items() if self._since + max(wish) > now}
        for name, state in self._hosts.items():
            found[name] = Wish(state.delay if state.delay > usual else 0.0, max(0.0, state.opens - now))
        return {name: wish for name, wish in found.items() if max(wish) > usual}

    def put(self, host: str, item: ItemT, not_before: float = 0.0) -> None:
        """Queue an item behind the host's others. not_before: on the clock."""
        state = self._host(host)
        self._count += 1
        heapq.heappush(state.work, (not_before, self._count, item))
        self._waiting += 1
        self._schedule(state, self.now())
        if self._takers:
            self._serve()

    async def take(self) -> ItemT | None:
        """The next item whose host may be asked now; waits for one. `release` its host afterwards.

        None when the queue is closed, or when nothing is queued or taken any more: then no worker can put
        anything either, and all of them get None.
        """
        if self._closed:
            return None
        found = None if self._takers else self._next(self.now())
        if found is None:
            if not self._waiting and not self._taken:
                return None
            found = await self._wait()
        return None if found is None else found[1]

    def release(self, host: str) -> None:
        """Give back what `take` gave. What the item leads to is put before this."""
        self._taken -= 1
        self._free(self._hosts[host])
        if self._takers:
            self._serve()

    async def pace(self, host: str) -> None:
        """Wait until the host may be sent one more request; the caller holds a slot, by `take` or `turn`."""
        state = self._host(host)
        if state.credit and state.use(self.now()):
            return
        place: list[float] = []
        while True:
            now = self.now()
            at = self._opening(state, place, now)
            if at <= now:
                break
            state.pacing += 1
            try:
                await asyncio.sleep(_whole_ms(at - now))
            finally:
                state.pacing -= 1
        state.start(now)

    async def turn(self, host: str, leaving: str) -> None:
        """Exchange the slot held at one host for one at another; waits for it without holding any.

        When cancelled, the old slot is held again.
        """
        if host == leaving:
            return
        self._leave(leaving)
        state = self._host(host)
        if state.in_flight < self._limit:
            state.in_flight += 1
            return
        ask = asyncio.get_running_loop().create_future()
        state.asks.append(ask)
        try:
            await ask
        except asyncio.CancelledError:
            if ask.cancelled():
                state.asks.remove(ask)
            else:
                self._free(state)
            self._host(leaving).in_flight += 1
            raise

    def back(self, host: str, leaving: str) -> None:
        """Undo `turn` at once, for the books: no request may be sent to the host before it is released."""
        if host != leaving:
            self._leave(leaving)
            self._host(host).in_flight += 1

    def located(self, host: str) -> bool:
        """Whether it is known at which address the host lives, or does not matter."""
        return self.politeness.ip_delay_s <= 0 or bool(self._host(host).ip)

    def learn(self, host: str, *, crawl_delay: float | None = None, ip: str | None = None) -> None:
        """Note what robots.txt asks for, in seconds, and where the host was found to live.

        Of an address that is new, whoever has not used the start that `take` gave has to wait for it too.
        """
        self._sweep()
        state = self._host(host)
        if crawl_delay is not None and crawl_delay > state.delay:
            state.delay = crawl_delay
            state.opens = max(state.opens, state.started + crawl_delay)
            self._heard(host, Wish(delay=crawl_delay))
        if ip is not None and ip != state.ip and self.politeness.ip_delay_s > 0:
            self._move(state, ip)

    def penalise(self, host: str, seconds: float) -> None:
        """Leave the host alone from now on for so long, at most max_retry_after_s."""
        state = self._host(host)
        pause = min(seconds, self.politeness.max_retry_after_s)
        state.opens = max(state.opens, self.now() + pause)
        self._heard(host, Wish(pause=pause))

    def succeeded(self, host: str, seconds: float = 0.0) -> None:
        """The host answered, in so many seconds."""
        if seconds > self.politeness.slow_s or host in self._troubles:
            _, lost = self._troubles.get(host, (0, 0.0))
            self._note(host, 0, lost + seconds - self.politeness.slow_s, "timeout")

    def failed(self, host: str, why: str, seconds: float = 0.0) -> int:
        """The host failed in a way that may pass, after so many seconds. How often it did so in a row."""
        strikes, lost = self._troubles.get(host, (0, 0.0))
        self._note(host, strikes + 1, lost + seconds, why)
        return strikes + 1

    def given_up(self, host: str) -> str | None:
        """Why, once the host failed circuit_failures times in a row, or took circuit_s too long; else None.

        That is what it failed for last, or timeout. Its items then come without delay.
        """
        return self._given_up.get(host)

    def close(self) -> None:
        """Every `take`, waiting or to come, returns None."""
        self._closed = True
        while self._takers:
            if not (taker := self._takers.popleft()).done():
                taker.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _note(self, host: str, strikes: int, lost: float, why: str) -> None:
        self._troubles.pop(host, None)
        if strikes >= self.politeness.circuit_failures or lost >= self.politeness.circuit_s:
            self._given_up.setdefault(host, why)
        elif strikes or lost > 0:
            self._troubles[host] = strikes, lost
            if len(self._troubles) > _MAX_TROUBLES:
                del self._troubles[next(iter(self._troubles))]

    # -- scheduling

    def _host(self, name: str) -> Host[ItemT]:
        state = self._hosts.get(name)
        if state is None:
            self._sweep()
            wish = self._before.get(name, Wish())
            delay = max(self.politeness.host_delay_s, wish.delay)
            state = self._hosts[name] = Host(name, delay, self._since + max(delay, wish.pause))
            if self.politeness.domain_delay_s > 0:
                domain = registrable_domain(name)
                state.shared = (self._clock(self._domains, domain, self.politeness.domain_delay_s),)
        return state

    def _clock(self, clocks: dict[str, Clock], name: str, delay: float) -> Clock:
        if name not in clocks:
            clocks[name] = Clock(delay, self._since + delay)
        return clocks[name]

    def _move(self, state: Host[ItemT], ip: str) -> None:
        domains = 1 if self.politeness.domain_delay_s > 0 else 0
        clock = self._clock(self._addresses, ip, self.politeness.ip_delay_s)
        if state.in_flight > state.credit or not state.credit:  # something was sent there
            clock.opens = max(clock.opens, state.started + clock.delay)
        while state.credit:
            state.refund()
        state.ip = ip
        state.shared = (*state.shared[:domains], clock)
        del state.place[domains:]

    def _schedule(self, state: Host[ItemT], at: float) -> None:
        """Have the host looked at, at that time or when it is due, if there is anything to look for."""
        if not state.work or state.in_flight >= self._limit:
            return
        if state.name not in self._given_up:
            at = max(at, state.opens, state.work[0][0])
        if at < state.due:
            state.due = at
            self._count += 1
            heapq.heappush(self._due, (at, self._count, state))

    def _next(self, now: float) -> tuple[Host[ItemT], ItemT] | None:
        heap = self._due
        while heap and heap[0][0] <= now:
            due, _, state = heapq.heappop(heap)
            if due != state.due:
                continue  # an earlier look was asked for since
            state.due = math.inf
            if not state.work or state.in_flight >= self._limit:
                continue
            given_up = state.name in self._given_up
            at = now if given_up else max(state.work[0][0], self._opening(state, state.place, now))
            if at > now:
                self._schedule(state, at)
                continue
            if not given_up:
                state.start(now)
                state.credit, state.credited = state.credit + 1, now
            return self._hand_out(state, now)
        return None

    def _hand_out(self, state: Host[ItemT], now: float) -> tuple[Host[ItemT], ItemT]:
        item = heapq.heappop(state.work)[2]
        self._waiting -= 1
        self._taken += 1
        state.in_flight += 1
        self._schedule(state, now)
        return state, item

    def _opening(self, state: Host[ItemT], place: list[float], now: float) -> float:
        """When the host may be asked, as far as one can tell: now, or when to look again.

        place: the slots got so far in the lines of the shared clocks; kept until the start.
        """
        if state.opens > now:
            return state.opens
        for i, clock in enumerate(state.shared):
            if i == len(place):
                if clock.opens <= now and clock.line_end <= now:
                    place.append(now)
                    continue
                place.append(clock.slot())
            elif clock.opens > now and now - place[i] > clock.delay:
                place[i] = clock.slot()  # was not looked at in time; others are due
            if (at := max(place[i], clock.opens)) > now:
                return at
        return now

    def _leave(self, host: str) -> None:
        self._free(self._hosts[host])
        if self._takers:
            self._serve()

    def _free(self, state: Host[ItemT]) -> None:
        state.in_flight -= 1
        if state.credit > state.in_flight:
            state.refund()
        while state.asks:
            ask = state.asks.pop(0)
            if not ask.done():
                state.in_flight += 1
                ask.set_result(None)
                return
        self._schedule(state, self.now())

    # -- waking takers

    async def _wait(self) -> tuple[Host[ItemT], ItemT] | None:
        taker: asyncio.Future[tuple[Host[ItemT], ItemT] | None]
        taker = asyncio.get_running_loop().create_future()
        self._takers.append(taker)
        self._arm()
        try:
            return await taker
        except asyncio.CancelledError:
            if not taker.cancelled() and (found := taker.result()) is not None:
                self._put_back(*found)
            raise

    def _put_back(self, state: Host[ItemT], item: ItemT) -> None:
        heapq.heappush(state.work, (0.0, 0, item))
        self._waiting += 1
        self.release(state.name)

    def _serve(self) -> None:
        now = self.now()
        while self._takers:
            if self._takers[0].done():
                self._takers.popleft()  # cancelled
            elif (found := self._next(now)) is not None:
                self._takers.popleft().set_result(found)
            elif self._waiting or self._taken:
                break
            else:
                self._takers.popleft().set_result(None)
        self._arm()

    def _arm(self) -> None:
        """Have `_serve` called when the next host is due, if anybody waits. A timer set for earlier stays."""
        if not self._takers or not self._due:
            return
        at = self._due[0][0]
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().call_later(_whole_ms(at - self.now()), self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._serve()

    # -- forgetting

    def _sweep(self) -> None:
        """Forget idle hosts and clocks, each time their number has doubled: O(1) for each that is added."""
        if len(self._hosts) + len(self._domains) + len(self._addresses) < self._sweep_at:
            return
        now = self.now()
        self._hosts = {name: state for name, state in self._hosts.items() if not state.idle(now)}
        used = {clock for state in self._hosts.values() for clock in state.shared}
        for clocks in (self._domains, self._addresses):
            for name in [n for n, clock in clocks.items() if clock not in used and clock.idle(now)]:
                del clocks[name]
        kept = len(self._hosts) + len(self._domains) + len(self._addresses)
        self._sweep_at = max(_FIRST_SWEEP, 2 * kept)


def _whole_ms(seconds: float) -> float:
    """Rounded up, 1 at least: uvloop's timers count milliseconds, and one that comes early asks in vain."""
    return max(1, math.ceil(seconds * 1000 - 1e-6)) / 1000
