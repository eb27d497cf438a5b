"""Connections: one request at a time on each, a few to a host, used again, and bounded while they idle."""

import asyncio
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from wit_builder.errors import FetchError, Gone, Transient
from wit_builder.web.http1 import SCRATCH, Answer
from wit_builder.web.network import Resolver

IDLE_S = 15.0  # after which a connection is not trusted any more
DRAIN_S = 1.0  # for a body nobody wants
TURN_S = 0.01  # and no longer than that
READS = 32  # of one connection before others have their turn; of TLS each is 16 KiB at most


class Closed(Transient):
    """A connection that was used before closed on a request without an answer; a new one may bring it."""


class Origin(NamedTuple):
    """Where a connection leads."""

    scheme: str  # http or https
    host: str
    port: int


class Link:
    """One connection: a socket that the loop watches, for asyncio's transports take twice the CPU for TLS."""

    def __init__(self, pool: "Links", origin: Origin, end: socket.socket) -> None:
        self.origin = origin
        self.ip: str = end.getpeername()[0]
        self.since = 0.0  # idle since then, on the monotonic clock
        self._pool, self._end = pool, end
        self._answer: Answer | None = None  # that is on its way
        self._over: asyncio.Future[None] = pool.loop.create_future()
        self._heard = 0.0  # when the last bytes came, on the loop's clock
        self._drained = False  # what comes is not wanted, and has a second to end
        self._timer: asyncio.TimerHandle
        pool.loop.add_reader(end.fileno(), self._read)

    async def carry(self, request: bytes, answer: Answer, sent: Callable[[str], None]) -> bool:
        """Ask, and have the answer; false where the connection turned out to be closed before anything was sent.

        Raises what is wrong with the answer, Closed or Transient (connect) where not a byte of it came.
        """
        loop = self._pool.loop
        if self._spoiled() or not self._send(request):
            return False
        sent(self.ip)
        self._answer, self._over = answer, loop.create_future()
        self._heard, self._drained = loop.time(), False
        self._timer = loop.call_later(self._pool.silence_s, self._look)
        try:
            await self._over
        finally:
            self._answer, self._over = None, loop.create_future()  # else an error holds itself, by this frame
            self._timer.cancel()
        if not answer.done:
            raise (Closed if self.since else Transient)("connect", "closed without an answer")
        return True

    def close(self) -> None:
        """At once, and for good."""
        if self._end.fileno() >= 0:
            self._pool.loop.remove_reader(self._end.fileno())
            self._end.close()

    def _spoiled(self) -> bool:
        """Whether something came on a connection that idled: it would be taken for the answer."""
        return bool(self.since) and self._is_readable()

    def _is_readable(self) -> bool:
        """Whether something came, be it the end."""
        try:
            socket.socket.recv(self._end, 1, socket.MSG_PEEK)  # of TLS too the bare bytes
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            pass
        return True

    def _send(self, request: bytes) -> bool:
        """A request is short: whoever cannot take it whole takes nothing."""
        try:
            return self._end.send(request) == len(request)
        except OSError:  # the server has closed it, or wants to negotiate anew
            return False

    def _read(self) -> None:
        """There is something to read."""
        until = time.monotonic() + TURN_S
        for _ in range(READS):
            if self._answer is None or self._over.done():
                # closed while it idled, or bytes that nobody asked for; or this turn's were read in the one before
                return self._lose() if self._is_readable() else None
            space = self._answer.space()
            try:
                count = self._end.recv_into(space)
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return None
            except OSError as error:
                return self._end_answer(words(error), clean=False)
            if not count:
                return self._end_answer("the connection was closed")
            if self._take(count) or (count < len(space) and not isinstance(self._end, ssl.SSLSocket)):
                return None
            if time.monotonic() > until:
                break
        self._pool.loop.call_soon(
            self._read
        )  # others have their turn; TLS may hold what the socket shows no more
        return None

    def _take(self, count: int) -> bool:
        """So many bytes came; whether no more are wanted."""
        answer = self._answer
        assert answer is not None
        self._heard = self._pool.loop.time()
        try:
            answer.came(count)
        except FetchError as error:
            self._over.set_exception(error.with_traceback(None))  # whose frames hold the body
            return True
        except Exception as error:  # noqa: BLE001  (it goes on to who waits)
            self._over.set_exception(error)
            return True
        if answer.done:
            if isinstance(self._end, ssl.SSLSocket) and self._end.pending():
                answer.reusable = False  # there is more than was asked for
            self._over.set_result(None)
        elif answer.head is not None and not answer.wanted and not self._drained:
            self._drained = True  # the connection is used again, or closed
            self._timer.cancel()
            self._timer = self._pool.loop.call_later(DRAIN_S, self._enough)
        return answer.done

    def _end_answer(self, why: str, clean: bool = True) -> None:
        """The server is gone."""
        answer = self._answer
        assert answer is not None
        self.close()
        try:
            if answer.received:
                answer.ended(why, clean)
            self._over.set_result(None)
        except FetchError as error:
            self._over.set_exception(error.with_traceback(None))

    def _lose(self) -> None:
        self._pool.lost(self)
        self.close()

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

    async def exchange(
        self, origin: Origin, request: bytes, answer: Answer, sent: Callable[[str], None]
    ) -> str:
        """Send the request once over a connection of this origin and have the answer; the address it came from.

        sent: is told the address as soon as the request is on its way there. Raises what is wrong with the
        answer, Closed where it may come if the request is sent again; Transient (connect, dns, timeout), Gone
        (tls), Forbidden (network_refused) where no connection is to be had.
        """
        while (host := self._hosts.setdefault(origin, _Host())).busy >= self._each:
            await self._turn(host)
        host.busy += 1
        link = None
        try:
            link = self._waiting(host)
            if link is None or not await link.carry(request, answer, sent):
                if link is not None:
                    link.close()  # it may be open: a send that was cut short
                link = None
                link = await self._connect(origin)
                if not await link.carry(request, answer, sent):
                    raise Transient("connect", "closed without an answer")
            return link.ip
        finally:
            self._leave(host, origin, link, answer)

    def close(self) -> None:
        """Close what idles; what is under way, as a robots.txt nobody waits for any more, closes when it is done."""
        self._most_idle = 0
        for link in list(self._idle):
            link.close()

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
            end = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:  # no descriptor left, or no IPv6 in this kernel
            raise Transient("connect", f"{where}: {words(error)}") from None
        try:
            async with asyncio.timeout(self._connect_s):
                end.setblocking(False)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await self.loop.sock_connect(end, (ip, port))
                if origin.scheme == "https":
                    end = await self._secured(origin, end)
                return Link(self, origin, end)
        except BaseException as error:
            end.close()
            if isinstance(error, TimeoutError):
                why = str(error) or f"no connection in {self._connect_s:g} s"
                raise Transient("timeout", f"Connection timeout to {where}: {why}") from None
            if isinstance(error, ssl.SSLEOFError):  # closed in the handshake, as an overloaded server does
                raise Transient("connect", f"{where}: {words(error)}") from None
            if isinstance(error, UnicodeError):  # no name that a certificate can have
                raise Gone("tls", f"{where}: {words(error)}") from None
            if isinstance(error, ssl.SSLError):
                raise Gone("tls", f"{where}: {words(error)}") from None
            if isinstance(error, OSError):
                raise Transient("connect", f"{where}: {words(error)}") from None
            raise

    async def _secured(self, origin: Origin, end: socket.socket) -> ssl.SSLSocket:
        """The socket with TLS on it."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        name = origin.host.strip("[]").rstrip(".")
        secured = self._tls.wrap_socket(end, server_hostname=name, do_handshake_on_connect=False)
        try:
            while True:
                try:
                    secured.do_handshake()
                    return secured
                except ssl.SSLWantReadError:
                    await self._ready(secured.fileno(), self.loop.add_reader, self.loop.remove_reader)
                except ssl.SSLWantWriteError:
                    await self._ready(secured.fileno(), self.loop.add_writer, self.loop.remove_writer)
        except BaseException:
            secured.close()
            raise

    async def _ready(self, file: int, add: Callable[..., Any], remove: Callable[[int], Any]) -> None:
        ready = asyncio.Event()
        add(file, ready.set)
        try:
            await ready.wait()
        finally:
            remove(file)


def words(error: BaseException) -> str:
    """What an exception says, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
