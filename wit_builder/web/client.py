"""One HTTP GET at a time, honest and bounded: in time, in bytes on the wire, in bytes after inflating.

A hop never follows a redirect; that is the visitor's decision, because a new address needs new permission.
No cookies, no referrer, one shared TLS context (building one costs 19 ms of CPU), keep-alive.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import NoReturn, Self

from multidict import CIMultiDictProxy

from wit_builder import __version__
from wit_builder.errors import Gone, Transient
from wit_builder.web.http1 import Admit, Answer, Head
from wit_builder.web.links import Links, Origin
from wit_builder.web.network import Resolver

AGENT = "wit-builder"  # the product token robots.txt knows us by
REDIRECTS = frozenset((301, 302, 303, 307, 308))
MAX_RETRY_AFTER_S = 86_400.0  # whoever asks for more is understood to mean a day

_PASSING = frozenset((408, 425, 429))  # of the 4xx: may be had later
_PORTS = {"http": 80, "https": 443}
# Nothing in an address can end the request line early.
_URL = re.compile(
    r"(https?)://((\[[0-9a-fA-F:.]+\]|[^\x00-\x20\x7f-\U0010ffff/:?#@\[\]\\]+)(?::([0-9]{1,5}))?)(/[\x21-\x7e]*)?"
)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, its body inflated."""

    url: str
    status: int  # 200 to 299, or one of REDIRECTS with a Location
    headers: CIMultiDictProxy[str]  # case-insensitive; `getall(name, [])` gives every repeat
    body: bytes | bytearray  # not copied once more where it came in one piece
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

    connections: in use at once; as many again may idle for the next request.
    connect_s: for TCP and TLS together, of each address that a name has. silence_s: between two bytes.
    tls: the shared context; by default certificates are verified against the system's.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        contact: str | None = None,
        token: str = "",
        connect_s: float = 10.0,
        silence_s: float = 10.0,
        connections: int = 256,
        host_connections: int = 1,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.resolver = resolver
        self._make_links = partial(
            Links,
            resolver,
            connect_s=connect_s,
            silence_s=silence_s,
            each=host_connections,
            idle=connections,
            tls=tls,
        )
        self._room = asyncio.Semaphore(connections)
        self._fields = f"User-Agent: {user_agent(contact, token)}\r\nAccept-Encoding: gzip, deflate\r\n"

    async def __aenter__(self) -> Self:
        self._links = self._make_links()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._links.close()
        await self.resolver.close()

    async def get(
        self,
        url: str,
        *,
        max_bytes: int,
        deadline_s: float,
        admit: Admit | None = None,
        accept: str = "*/*",
        cut: bool = False,
        sent: Callable[[str], None] = lambda ip: None,
    ) -> Response:
        """One hop: the answer with a status below 400, a redirect among them, as it came.

        url: absolute, percent-encoded, as `url.normalise` gives it.
        max_bytes: of the body, both as sent and inflated; a longer one is refused, or ends there if `cut`.
        deadline_s: seconds from here to the last byte.
        admit: sees the head before the body is read, and may return a function that is told, as the body comes, how
        many bytes that takes. What either raises ends the hop.
        sent: is told the address that the request went to, also when nothing good comes back.
        Raises Transient (dns, connect, timeout, truncated, http_408, http_425, http_429, http_5xx), of which
        Closed says that a connection was used once too often, and asking again may do,
        Gone (bad_url, bad_response, tls, too_big, http_3xx without Location, other http_4xx),
        Forbidden (network_refused).
        """
        origin, target, name = _taken_apart(url)
        request = f"GET {target} HTTP/1.1\r\nHost: {name}\r\n{self._fields}Accept: {accept}\r\n\r\n"
        async with self._room:
            answer = Answer(self._links.scratch, max_bytes, cut, admit)
            try:
                async with asyncio.timeout(deadline_s):
                    ip = await self._links.exchange(origin, request.encode("ascii"), answer, sent)
                return _response(url, answer, ip)
            except TimeoutError:
                raise Transient("timeout", f"not done in {deadline_s:g} s") from None
            finally:
                answer.drop()


def _response(url: str, answer: Answer, ip: str) -> Response:
    head = answer.head
    assert head is not None, "an answer that is done has a head"
    if not answer.wanted and (head.status not in REDIRECTS or "Location" not in head.headers):
        _raise_for_status(head)
    return Response(url, head.status, head.headers, answer.body(), ip, datetime.now(UTC))


def _taken_apart(url: str) -> tuple[Origin, str, str]:
    """Where to connect, what to ask for, and the Host to name."""
    parts = _URL.fullmatch(url)
    if parts is None:
        raise Gone("bad_url", ascii(url))
    scheme, name, host, port, target = parts.groups()
    number = int(port) if port else _PORTS[scheme]
    if number > 65_535:
        raise Gone("bad_url", f"port {number}")
    return Origin(scheme, host, number), target or "/", name


def _raise_for_status(head: Head) -> NoReturn:
    status = head.status
    reason, evidence = f"http_{status}", f"{status} {head.reason}".strip()
    if status >= 500 or status in _PASSING:
        raise Transient(reason, evidence, retry_after(head.headers.get("Retry-After")))
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
