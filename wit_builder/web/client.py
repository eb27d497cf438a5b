"""One HTTP GET at a time, honest and bounded: in time, in bytes on the wire, in bytes after inflating.

A hop never follows a redirect; that is the visitor's decision, because a new address needs new permission.
No cookies, no referrer, one shared TLS context (building one costs 19 ms of CPU), keep-alive.
"""

import asyncio
import re
import ssl
import zlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, NoReturn, Self

import aiohttp
from aiohttp import hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from wit_builder import __version__
from wit_builder.errors import Gone, Transient
from wit_builder.web.network import Resolver

AGENT = "wit-builder"  # the product token robots.txt knows us by
REDIRECTS = frozenset((301, 302, 303, 307, 308))
MAX_RETRY_AFTER_S = 86_400.0  # whoever asks for more is understood to mean a day

_PASSING = frozenset((408, 425, 429))  # of the 4xx: may be had later
_PLAIN = re.compile(r"https?://[\x21-\x7e]+")  # nothing in it can end the request line early
_DRAINED_BYTES = 65_536  # an unwanted body up to this size is read, which saves the next request a connection
_DRAIN_S = 1.0  # and this fast
_FRAMING_BYTES = 1 << 20  # beyond half of the body; the parser may lag by half of this
_MEMBERS = 64  # gzip members of one body; empty ones cost time without end


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of an answer before its body; `admit` decides on it."""

    status: int  # 200 to 399
    headers: CIMultiDictProxy[str]


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, its body inflated."""

    url: str
    status: int  # 200 to 299, or one of REDIRECTS with a Location
    headers: CIMultiDictProxy[str]  # case-insensitive; `getall(name, [])` gives every repeat
    body: bytes
    ip: str  # the address that was connected to
    fetched_at: datetime  # UTC, when the last byte was in


def user_agent(contact: str | None, token: str = "") -> str:
    """The User-Agent header: name, version, how to reach whoever runs this (a URL or an address).

    token: what they call themselves.
    """
    text = " ".join((contact or "").split()).encode("ascii", "ignore").decode()
    named = [token, f"+{text}" if text.startswith("http") else text]
    said = "; ".join(filter(None, named))
    return f"{AGENT}/{__version__} ({said})" if said else f"{AGENT}/{__version__}"


class Client:
    """Fetches single URLs; an async context manager, bound to the running loop.

    connections: sockets in use at once; as many again may idle for the next request.
    connect_s: for TCP and TLS together, of each address that a name has.
    tls: the shared context; by default certificates are verified against the system's.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        contact: str | None = None,
        token: str = "",
        connect_s: float = 10.0,
        connections: int = 256,
        host_connections: int = 1,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.resolver = resolver
        self._agent = user_agent(contact, token)
        self._connect_s = connect_s
        self._idle_connections = connections
        self._host_connections = host_connections
        self._tls = tls
        self._room = asyncio.Semaphore(connections)
        self._request_headers: dict[str, CIMultiDict[str]] = {}
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._open.push_async_callback(self.resolver.close)
        self._connector = _Connector(
            resolver=self.resolver,
            use_dns_cache=False,  # the resolver has its own, guarded
            ssl=self._tls or True,
            limit=0,  # `_room` bounds it, and waiting there does not count against the deadline
            limit_per_host=self._host_connections,
        )
        self._session = await self._open.enter_async_context(
            aiohttp.ClientSession(
                connector=self._connector,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={hdrs.USER_AGENT: self._agent, hdrs.ACCEPT_ENCODING: "gzip, deflate"},
                response_class=_Answer,
                auto_decompress=False,  # `_Inflater` is bounded by the caller's cap instead of a chunk size
                max_line_size=16_384,
                max_field_size=32_768,
            )
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._open.aclose()

    async def get(
        self,
        url: str,
        *,
        max_bytes: int,
        deadline_s: float,
        admit: Callable[[Head], None] | None = None,
        accept: str = "*/*",
        cut: bool = False,
    ) -> Response:
        """One hop: the answer with a status below 400, a redirect among them, as it came.

        url: absolute, percent-encoded, as `url.normalise` gives it.
        max_bytes: of the body, both as sent and inflated; a longer one is refused, or ends there if `cut`.
        deadline_s: seconds from here to the last byte.
        admit: sees the head before the body is asked for; its Forbidden or Gone ends the hop.
        Raises Transient (dns, connect, timeout, truncated, http_408, http_425, http_429, http_5xx),
        Gone (bad_url, bad_response, tls, too_big, http_3xx without Location, other http_4xx),
        Forbidden (network_refused).
        """
        async with self._room:
            try:
                async with asyncio.timeout(deadline_s):
                    answer = await self._ask(url, accept)
                    try:
                        return await _read(url, answer, max_bytes, cut, admit)
                    finally:
                        answer.close()
                        self._connector.trim(self._idle_connections)
            except TimeoutError as error:
                what = str(error) or f"not done in {deadline_s:g} s"
                raise Transient("timeout", what) from None

    async def _ask(self, url: str, accept: str) -> "_Answer":
        if not _PLAIN.fullmatch(url):
            raise Gone("bad_url", ascii(url))
        try:
            target = URL(url, encoded=True)
            self.resolver.check_literal(target.raw_host or "")
            answer = await self._session.get(target, headers=self._headers_for(accept), allow_redirects=False)
        except TimeoutError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            _raise_for_connection(error)
        assert isinstance(answer, _Answer)
        return answer

    def _headers_for(self, accept: str) -> CIMultiDict[str]:
        if accept not in self._request_headers:
            self._request_headers[accept] = CIMultiDict({hdrs.ACCEPT: accept})
        return self._request_headers[accept]


class _Connector(aiohttp.TCPConnector):
    """A pool of `_Link`s. aiohttp bounds the time a connection idles, never how many do."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        factory: Any = partial(_Link, loop=asyncio.get_running_loop())
        self._factory = factory

    def trim(self, most: int) -> None:
        """Close the longest idle connections beyond so many hosts: a wide crawl leaves one at each."""
        while len(self._conns) > most:
            for link, _ in self._conns.pop(next(iter(self._conns))):
                link.close()


class _Link(ResponseHandler):
    """A connection that knows its peer, and is lost loudly.

    aiohttp 3.14 counts only bodies, and one in chunks of a byte costs 0.65 s of CPU per megabyte: a server
    that sends little but framing is left. And it lets a body's reader wait after a malformed chunk.
    """

    ip = ""
    _received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.ip = peer[0] if peer else ""

    def set_response_params(self, **how: Any) -> None:
        self._received = 0
        super().set_response_params(**how)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > _FRAMING_BYTES:
            body = 0 if self._payload is None else self._payload.total_bytes
            if self._received > _FRAMING_BYTES + 1.5 * body:
                self.set_exception(
                    HttpProcessingError(message=f"{self._received} bytes for a body of {body}")
                )
                if self.transport is not None:
                    self.transport.close()
                return
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        body, error = self._payload, self.exception()
        if isinstance(error, HttpProcessingError) and body is not None and not body.is_eof():
            self._payload = None
            body.set_exception(error)
        super().connection_lost(exc)


class _Answer(aiohttp.ClientResponse):
    """Remembers whom it came from: aiohttp takes the connection away once the body is in."""

    ip = ""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        self.ip = connection.protocol.ip
        return await super().start(connection)


async def _read(
    url: str, answer: _Answer, max_bytes: int, cut: bool, admit: Callable[[Head], None] | None
) -> Response:
    status, headers = answer.status, answer.headers
    if 200 <= status < 300:
        if admit is not None:
            admit(Head(status, headers))
        body = await _body(answer, max_bytes, cut)
    else:
        await _drain(answer)
        if status not in REDIRECTS or hdrs.LOCATION not in headers:
            _raise_for_status(answer)
        body = b""
    return Response(url, status, headers, body, answer.ip, datetime.now(UTC))


async def _body(answer: _Answer, max_bytes: int, cut: bool) -> bytes:
    announced = answer.headers.get(hdrs.CONTENT_LENGTH)
    if announced is not None and int(announced) > max_bytes and not cut:
        raise Gone("too_big", f"Content-Length {announced[:30]}, at most {max_bytes} bytes are read")
    encoding = answer.headers.get(hdrs.CONTENT_ENCODING)
    body = _Body(None if encoding is None else _inflater(encoding), max_bytes, cut)
    read = answer.content.readany
    try:
        while not body.full and (chunk := await read()):
            body.add(chunk)
    except HttpProcessingError as error:
        raise Gone("bad_response", f"after {body.sent} bytes: {_words(error)}") from None
    except (aiohttp.ClientError, OSError) as error:
        raise Transient("truncated", f"after {body.sent} bytes: {_words(error)}") from None
    return body.whole()


class _Body:
    """What came so far, sent and inflated, neither beyond the cap."""

    __slots__ = ("_chunks", "_cut", "_inflater", "_max_bytes", "full", "sent", "size")

    def __init__(self, inflater: "_Inflater | None", max_bytes: int, cut: bool) -> None:
        self._inflater, self._max_bytes, self._cut = inflater, max_bytes, cut
        self._chunks: list[bytes] = []
        self.sent = self.size = 0
        self.full = False

    def add(self, chunk: bytes) -> None:
        self.sent += len(chunk)
        if self._inflater is not None:
            chunk = self._inflater.feed(chunk, self._max_bytes - self.size)
        self.size += len(chunk)
        self._chunks.append(chunk)
        self.full = self.sent > self._max_bytes or self.size > self._max_bytes
        if self.full and not self._cut:
            raise Gone("too_big", f"{self.sent} bytes are {self.size} or more, {self._max_bytes} at most")

    def whole(self) -> bytes:
        if self.full:
            return b"".join(self._chunks)[: self._max_bytes]
        if self._inflater is not None and self.sent:
            self._inflater.finish()
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)


async def _drain(answer: _Answer) -> None:
    """Read a body nobody wants, where that is cheap; else the connection is closed with the answer."""
    if int(answer.headers.get(hdrs.CONTENT_LENGTH, 0)) > _DRAINED_BYTES:
        return
    sent = 0
    try:
        async with asyncio.timeout(_DRAIN_S):
            while sent <= _DRAINED_BYTES and (chunk := await answer.content.readany()):
                sent += len(chunk)
    except (aiohttp.ClientError, HttpProcessingError, OSError):
        pass  # TimeoutError is an OSError; the status says enough


class _Inflater:
    """Undoes gzip or deflate piece by piece, never far beyond what may still come: 10 MB can hold 10 GB."""

    def __init__(self, deflate: bool) -> None:
        self._gzip = not deflate
        self._stream = None if deflate else zlib.decompressobj(31)
        self._members = 1
        self._behind = b""  # first byte behind a member: the next member may begin with it

    def feed(self, data: bytes, room: int) -> bytes:
        """What the data inflates to, but not more than room + 1 bytes."""
        if self._stream is None:
            self._stream = zlib.decompressobj(15 if _has_zlib_header(data) else -15)
        out, rest = _inflate(self._stream, self._behind + data, room)
        while self._gzip and rest[:2] == b"\x1f\x8b":
            self._members += 1
            if self._members > _MEMBERS:
                raise Gone("bad_response", f"more than {_MEMBERS} gzip members")
            self._stream = zlib.decompressobj(31)
            more, rest = _inflate(self._stream, rest, room - len(out))
            out += more
        self._behind = rest[:1]
        return out

    def finish(self) -> None:
        if self._stream is not None and not self._stream.eof:
            raise Transient("truncated", "the compressed body ends early")


def _inflate(stream: "zlib._Decompress", data: bytes, room: int) -> tuple[bytes, bytes]:
    """The output, and the data behind the end of the stream."""
    if stream.eof:
        return b"", data
    try:
        return stream.decompress(data, max(room, 0) + 1), stream.unused_data
    except zlib.error as error:
        raise Gone("bad_response", str(error)) from None


def _has_zlib_header(data: bytes) -> bool:
    """RFC 9110 section 8.4.1.2: deflate is the zlib format, yet some servers send the bare stream."""
    return data[0] & 15 == 8 and (len(data) < 2 or (data[0] << 8 | data[1]) % 31 == 0)


def _inflater(encoding: str) -> _Inflater | None:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in ("gzip", "x-gzip", "deflate"):
        raise Gone("bad_response", f"Content-Encoding {encoding[:50]!r} was not asked for")
    return _Inflater(deflate=name == "deflate")


def _raise_for_status(answer: _Answer) -> NoReturn:
    status = answer.status
    if status < 200:
        raise Gone("bad_response", f"status {status}")
    reason, evidence = f"http_{status}", f"{status} {answer.reason or ''}".strip()
    if status >= 500 or status in _PASSING:
        raise Transient(reason, evidence, retry_after(answer.headers.get(hdrs.RETRY_AFTER)))
    raise Gone(reason, evidence)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 section 10.2.3), 0 to MAX_RETRY_AFTER_S.

    None where it is absent, negative or unreadable. now: UTC, for dates.
    """
    text = (value or "").strip()
    if not text or len(text) > 64:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER_S)
    try:
        date = parsedate_to_datetime(text)
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(seconds, MAX_RETRY_AFTER_S) if seconds >= 0 else None


def _raise_for_connection(error: Exception) -> NoReturn:
    evidence = _words(error)
    if isinstance(error, aiohttp.ClientSSLError):
        raise Gone("tls", evidence) from None
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        raise Transient("dns", evidence) from None
    if isinstance(error, aiohttp.ClientResponseError):
        raise Gone("bad_response", evidence) from None
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        raise Gone("bad_url", evidence) from None
    raise Transient("connect", evidence) from None


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
