"""Connections: one request at a time on each, a few to a host, used again, and bounded while they idle."""

import asyncio
import ssl
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from wit_builder.errors import FetchError, Gone, Transient
from wit_builder.web.http1 import SCRATCH, Answer
from wit_builder.web.network import Resolver

IDLE_S = 15.0  # after which a connection is not trusted any more
DRAIN_S = 1.0  # for a body nobody wants


class Origin(NamedTuple):
    """Where a connection leads."""

    scheme: str  # http or https
    host: str
    port: int


class Link(asyncio.BufferedProtocol):
    """One connection."""

    def __init__(self, pool: "Links", origin: Origin) -> None:
        self.origin = origin
        self.ip = ""
        self.since = 0.0  # idle since then, on the monotonic clock
        self.closed: asyncio.Future[None] = pool.loop.create_future()
        self._pool = pool
        self._answer: Answer | None = None  # that is on its way
        self._over: asyncio.Future[None] = pool.loop.create_future()
        self._heard = 0.0  # when the last bytes came, on the loop's clock
        self._drained = False  # what comes is not wanted, and has a second to end
        self._timer: asyncio.TimerHandle
        self._transport: asyncio.Transport

    async def carry(self, request: bytes, answer: Answer) -> bool:
        """Ask, and have the answer; false where the connection turned out to be closed before a byte of it came.

        Raises what is wrong with the answer.
        """
        loop, silence_s = self._pool.loop, self._pool.silence_s
        if self._transport.is_closing():
            return False
        self._answer, self._over = answer, loop.create_future()
        self._heard, self._drained = loop.time(), False
        self._transport.write(request)
        self._timer = loop.call_later(silence_s, self._look)
        try:
            await self._over
        finally:
            self._answer = None
            self._timer.cancel()
        return answer.done

    def close(self) -> None:
        """At once."""
        self._transport.abort()

    # -- called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's say that they are none
        self._pool.open.add(self)
        peer = transport.get_extra_info("peername")
        self.ip = peer[0] if peer else ""

    def get_buffer(self, sizehint: int) -> memoryview:
        """See asyncio."""
        return self._pool.scratch if self._answer is None or self._over.done() else self._answer.space()

    def buffer_updated(self, nbytes: int) -> None:
        """See asyncio."""
        answer = self._answer
        if answer is None or self._over.done():
            return self.close()  # bytes that nobody asked for
        try:
            answer.came(nbytes)
        except Exception as error:  # noqa: BLE001  (it goes on to who waits)
            return self._over.set_exception(error)
        self._heard = self._pool.loop.time()
        if answer.done:
            self._over.set_result(None)
        elif answer.head is not None and not answer.wanted and not self._drained:
            self._drained = True  # the connection is used again, or closed
            self._timer.cancel()
            self._timer = self._pool.loop.call_later(DRAIN_S, self._enough)
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._pool.open.discard(self)
        self._pool.lost(self)
        self.closed.set_result(None)
        answer = self._answer
        if answer is None or self._over.done():
            return
        try:
            if answer.received:
                answer.ended("the connection was closed" if exc is None else words(exc))
            self._over.set_result(None)
        except FetchError as error:
            self._over.set_exception(error)

    def _look(self) -> None:
        """Whether the server still says something."""
        loop, silence_s = self._pool.loop, self._pool.silence_s
        due = self._heard + silence_s
        if loop.time() < due:
            self._timer = loop.call_at(due, self._look)
        elif not self._over.done():
            self._over.set_exception(Transient("timeout", f"nothing came for {silence_s:g} s"))

    def _enough(self) -> None:
        if self._answer is not None and not self._over.done():
            self._answer.done, self._answer.reusable = True, False
            self._over.set_result(None)


@dataclass(slots=True)
class _Host:
    busy: int = 0  # connections
    idle: list[Link] = field(default_factory=list)
    asks: deque[asyncio.Future[None]] = field(default_factory=deque)  # who waits for one


class Links:
    """The connections of a client. Must be made inside a running loop, and closed.

    connect_s: for TCP and TLS together, of each address that a name has. silence_s: between two bytes.
    each: connections to a host in use at once; idle: connections that may wait for their next request, in all.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        connect_s: float,
        silence_s: float,
        each: int,
        idle: int,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.scratch = memoryview(bytearray(SCRATCH))
        self._resolver, self._connect_s, self._each, self._most_idle = resolver, connect_s, each, idle
        self.silence_s = silence_s
        self._tls = tls
        self._hosts: dict[Origin, _Host] = {}
        self._idle: dict[Link, None] = {}  # the longest idle first
        self.open: set[Link] = set()

    async def exchange(self, origin: Origin, request: bytes, answer: Answer) -> str:
        """Send the request over a connection of this origin and have the answer; the address it came from.

        Raises what is wrong with the answer; Transient (connect, dns, timeout), Gone (tls), Forbidden
        (network_refused) where no connection is to be had.
        """
        while (host := self._hosts.setdefault(origin, _Host())).busy >= self._each:
            await self._turn(host)
        host.busy += 1
        link = None
        try:
            link = self._waiting(host)
            if link is None or not await link.carry(request, answer):
                link = None
                link = await self._connect(origin)
                if not await link.carry(request, answer):
                    raise Transient("connect", "closed without an answer")
            return link.ip
        finally:
            self._leave(host, origin, link, answer)

    async def close(self) -> None:
        """Close them all, and wait for it. Nothing may be under way."""
        links = list(self.open)
        for link in links:
            link.close()
        await asyncio.gather(*(link.closed for link in links))

    def lost(self, link: Link) -> None:
        """The connection is to be forgotten."""
        if link in self._idle:
            del self._idle[link]
            host = self._hosts[link.origin]
            host.idle.remove(link)
            self._forget(host, link.origin)

    async def _turn(self, host: _Host) -> None:
        ask = self.loop.create_future()
        host.asks.append(ask)
        try:
            await ask
        except asyncio.CancelledError:
            if not ask.cancelled():
                self._wake(host)
            raise

    def _waiting(self, host: _Host) -> Link | None:
        """The connection used last."""
        now = time.monotonic()
        while host.idle:
            link = host.idle.pop()
            del self._idle[link]
            if now - link.since < IDLE_S:
                return link
            link.close()
        return None

    def _leave(self, host: _Host, origin: Origin, link: Link | None, answer: Answer) -> None:
        host.busy -= 1
        if link is not None:
            if answer.done and answer.reusable:
                self._keep(host, link)
            else:
                link.close()
        self._wake(host)
        self._forget(host, origin)

    def _keep(self, host: _Host, link: Link) -> None:
        link.since = time.monotonic()
        host.idle.append(link)
        self._idle[link] = None
        while len(self._idle) > self._most_idle:
            oldest = next(iter(self._idle))
            self.lost(oldest)
            oldest.close()

    def _wake(self, host: _Host) -> None:
        while host.asks:
            ask = host.asks.popleft()
            if not ask.done():
                return ask.set_result(None)
        return None

    def _forget(self, host: _Host, origin: Origin) -> None:
        if not host.busy and not host.idle and not host.asks:
            self._hosts.pop(origin, None)

    async def _connect(self, origin: Origin) -> Link:
        try:
            addresses = await self._resolver.resolve(origin.host, origin.port)
        except OSError as error:
            raise Transient("dns", words(error)) from None
        failure: FetchError = Transient("dns", f"{origin.host} has no address")
        for ip, port in addresses:
            try:
                return await self._connect_to(origin, ip, port)
            except (Gone, Transient) as error:
                failure = error
        raise failure

    async def _connect_to(self, origin: Origin, ip: str, port: int) -> Link:
        where = f"{origin.host} ({ip}:{port})"
        try:
            async with asyncio.timeout(self._connect_s):
                _, link = await self.loop.create_connection(
                    lambda: Link(self, origin), ip, port, **self._security(origin)
                )
                return link
        except TimeoutError as error:
            why = str(error) or f"no connection in {self._connect_s:g} s"
            raise Transient("timeout", f"Connection timeout to {where}: {why}") from None
        except ssl.SSLError as error:
            raise Gone("tls", f"{where}: {words(error)}") from None
        except OSError as error:
            raise Transient("connect", f"{where}: {words(error)}") from None

    def _security(self, origin: Origin) -> dict[str, Any]:
        if origin.scheme == "http":
            return {}
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return {"ssl": self._tls, "server_hostname": origin.host.strip("[]").rstrip(".")}


def words(error: BaseException) -> str:
    """What an exception says, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
