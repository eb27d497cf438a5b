"""From a URL to its bytes by the rules: scope, robots.txt, opt-outs, network and politeness at every hop.

The rules come before the request they are about. Of an image its own headers decide too, before its body is
read, and those of each redirect to it; a page's headers are handed on, because what they forbid is to use it,
and that is the extractor's part.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from multidict import CIMultiDictProxy

from wit_builder.errors import FetchError, Forbidden, Gone, Transient
from wit_builder.web.client import AGENT, REDIRECTS, Client, Response
from wit_builder.web.http1 import Admit, Head
from wit_builder.web.links import Closed
from wit_builder.web.network import NetworkGuard, Resolver
from wit_builder.web.optout import refused, robots_directives, tdm_reserved
from wit_builder.web.politeness import HostQueues
from wit_builder.web.robots import Kept, RobotsAnswer, RobotsGate
from wit_builder.web.settings import WebSettings
from wit_builder.web.tdm import TdmGate
from wit_builder.web.url import host_of, normalise

Want = Literal["page", "image"]

MAX_REDIRECTS = 5
MAX_FILE_BYTES = 512 * 1024  # of robots.txt and tdmrep.json

_ACCEPT: dict[Want, str] = {
    "page": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1",
    "image": "image/jpeg,image/png,image/webp,image/gif;q=0.9,*/*;q=0.5",
}
_PAGE_TYPES = frozenset(("text/html", "application/xhtml+xml"))
_NO_IMAGE_TYPES = _PAGE_TYPES | {"application/json"}
_NO_IMAGE_KINDS = ("video/", "audio/")
_BUSY = frozenset(("http_429", "http_503"))  # the whole host asks for a pause
_MAX_PAUSE_S = 60.0  # where it does not say for how long


@dataclass(frozen=True, slots=True)
class Visit:
    """What a URL gave."""

    url: str  # as asked for
    final_url: str  # after redirects
    status: int  # 200 to 299
    content_type: str  # lower case, without parameters, "" where the server sent none
    body: bytes | bytearray
    headers: CIMultiDictProxy[str]
    redirects: int
    fetched_at: datetime  # UTC
    directives: frozenset[str]  # X-Robots-Tag's that speak to us; of an image none that the policy refuses
    tdm_header: str | None  # tdm-reservation, as sent


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that was made, however it ended."""

    url: str
    began: float  # when its turn came, in seconds of the queues' clock
    seconds: float  # from there to the last byte
    ip: str  # that gave what was asked for, "" where none did
    reason: str  # why it was not had, "" where it was
    size: int = 0  # bytes of the body that was had


overhear: ContextVar[Callable[[Asked], None]] = ContextVar("overhear", default=lambda asked: None)
"""Told of every request that is made in this context; for whoever measures."""


class Visitor:
    """Visits URLs, each for a caller who holds a slot of its host in `queues`.

    An origin's robots.txt and tdmrep.json are had the same way, before its first URL: each is a request like
    any other and takes its turn, so the first URL of a host comes two delays after the item was taken.
    """

    def __init__(self, client: Client, queues: HostQueues[Any], settings: WebSettings) -> None:
        self._client = client
        self._queues = queues
        self._settings = settings
        self._names = (AGENT, settings.token) if settings.token else (AGENT,)
        self.kept: Kept | None = None  # what hosts said to those before this one
        self._robots = RobotsGate(self._file, AGENT, queues.now, settings.token, queues.politeness)
        self._tdm = TdmGate(self._file, queues.now, queues.politeness)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: WebSettings,
        queues: HostQueues[Any],
        *,
        connect_to: Mapping[str, str | None] | None = None,
    ) -> AsyncIterator[Self]:
        """A visitor with everything it needs, closed at the end. connect_to: see `network.Resolver`."""
        resolver = Resolver(NetworkGuard(settings.allow_network), connect_to)
        client = Client(
            resolver,
            contact=settings.contact,
            token=settings.token,
            connect_s=settings.connect_s,
            silence_s=settings.silence_s,
            connections=settings.connections,
            host_connections=settings.politeness.host_connections,
        )
        async with client:
            yield cls(client, queues, settings)

    async def visit(self, url: str, want: Want, in_scope: Callable[[str], bool] | None = None) -> Visit:
        """Ask for the URL, and for where it redirects to, up to 5 times.

        The caller took an item of the URL's host from the queues and releases it afterwards.
        in_scope: asked about each redirect's target, not about the URL itself; may raise Forbidden itself.
        Raises Forbidden, Transient or Gone; the host's failures are counted here, retrying is the caller's.
        """
        first = host = self._host(url)
        seen = {url}
        current = url
        try:
            while True:
                response = await self._hop(current, host, want)
                if response.status not in REDIRECTS:
                    return _visit(url, response, len(seen) - 1, want, self._names)
                if want == "image":
                    self._heed(response.headers)
                current = _target(response, seen, in_scope)
                seen.add(current)
                target = self._host(current)
                await self._queues.turn(target, host)
                host = target
        finally:
            self._queues.back(first, host)

    def sitemaps(self, origin: str) -> list[str]:
        """Sitemaps that the origin's robots.txt names; none before a page of it was visited."""
        return self._robots.sitemaps(origin)

    def _host(self, url: str) -> str:
        """The URL's host, unless it is an address that the guard refuses."""
        try:
            host = host_of(url)
        except ValueError as error:
            raise Gone("bad_url", str(error)) from None
        self._client.resolver.check_literal(host)
        return host

    async def _hop(self, url: str, host: str, want: Want) -> Response:
        self._not_given_up(host)
        await self._permission(url, host)
        settings = self._settings
        page = want == "page"
        return await self._request(
            url,
            host,
            max_bytes=settings.max_page_bytes if page else settings.max_image_bytes,
            admit=_admit_page if page else self._image_gate(),
            accept=_ACCEPT[want],
        )

    async def _permission(self, url: str, host: str) -> None:
        try:
            await self._robots.check(url)
        except FetchError as error:
            if error.reason == "robots_unreachable":
                await self._reach(host)
            raise
        delay = await self._robots.crawl_delay(url)
        if delay:
            self._obey(host, delay)
        if self._settings.optout.tdmrep:
            await self._tdm.check(url)

    async def _reach(self, host: str) -> None:
        """Say so where the host does not exist or must not be asked: that is why it gave no robots.txt."""
        try:
            await self._client.resolver.reach(host)
        except Transient as error:
            self._blame(host, error, 0.0)
            raise

    def _obey(self, host: str, delay: float) -> None:
        longest = self._settings.politeness.max_crawl_delay_s
        if delay > longest:
            raise Forbidden(
                "robots", f"Crawl-delay: {delay:g} s is asked for, {longest:g} s is the longest kept"
            )
        self._queues.learn(host, crawl_delay=delay)

    async def _request(self, url: str, host: str, **how: Any) -> Response:
        """A paced request, and another in its turn where a used connection closed on the first."""
        try:
            return await self._once(url, host, **how)
        except Closed:
            return await self._once(url, host, **how)

    async def _once(self, url: str, host: str, **how: Any) -> Response:
        """One paced request; what it tells of the host is noted."""
        queues, deadline_s = self._queues, self._settings.deadline_s
        self._not_given_up(host)
        began = queues.now()
        try:
            if not queues.located(host):
                await self._locate(host)
            await queues.pace(host)
            began = queues.now()
            response = await self._client.get(
                url, deadline_s=deadline_s, sent=lambda ip: queues.learn(host, ip=ip), **how
            )
        except FetchError as error:
            took = queues.now() - began
            overhear.get()(Asked(url, began, took, "", error.reason))
            if isinstance(error, Transient):
                self._blame(host, error, took)
            else:
                queues.succeeded(host, took)
            raise
        took = queues.now() - began
        overhear.get()(Asked(url, began, took, response.ip, "", len(response.body)))
        queues.succeeded(host, took)
        return response

    async def _locate(self, host: str) -> None:
        """Learn the address of a host before it is asked, for others may live there."""
        deadline_s = self._settings.deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                ip = await self._client.resolver.reach(host)
        except TimeoutError:
            raise Transient("timeout", f"no address in {deadline_s:g} s") from None
        self._queues.learn(host, ip=ip)

    def _not_given_up(self, host: str) -> None:
        if (why := self._queues.given_up(host)) is not None:
            politeness = self._settings.politeness
            raise Gone(
                why,
                f"not asked for: {host} failed {politeness.circuit_failures} times in a row, or took "
                f"{politeness.circuit_s:g} s too long",
            )

    def _blame(self, host: str, error: Transient, seconds: float) -> None:
        strikes = self._queues.failed(host, error.reason, seconds)
        if error.retry_after is not None:
            self._queues.penalise(host, error.retry_after)
        elif error.reason in _BUSY:
            pause = self._settings.politeness.backoff_s * 2.0 ** min(strikes - 1, 30)
            self._queues.penalise(host, min(pause, _MAX_PAUSE_S))

    async def _file(self, url: str) -> RobotsAnswer:
        """A robots.txt or tdmrep.json, as it is kept or as the host gives it."""
        if self.kept is None:
            return await self._asked_for(url)
        if (known := self.kept.get(url)) is not None:
            return known
        try:
            answer = await self._asked_for(url)
        except Gone as error:
            if not error.reason.startswith("http_4"):
                raise
            answer = RobotsAnswer(int(error.reason.removeprefix("http_")), b"")
        self.kept.keep(url, answer)
        return answer

    async def _asked_for(self, url: str) -> RobotsAnswer:
        """The file, wherever it redirects to; no rules but the guard's apply.

        Runs in a task that several visits may wait for. On another host it is paced but takes no slot.
        """
        seen = {url}
        while True:
            host = self._host(url)
            response = await self._request(url, host, max_bytes=MAX_FILE_BYTES, cut=True)
            if response.status not in REDIRECTS:
                return RobotsAnswer(response.status, bytes(response.body))
            url = _target(response, seen, None)
            seen.add(url)

    def _image_gate(self) -> Admit:
        """What decides on the head of an image's answer; asked for by the task that is to have the image."""
        return self._admit_image

    def _admit_image(self, head: Head) -> None:
        kind = _content_type(head.headers)
        if kind in _NO_IMAGE_TYPES or kind.startswith(_NO_IMAGE_KINDS):
            raise Gone("not_image", kind)
        self._heed(head.headers)

    def _heed(self, headers: CIMultiDictProxy[str]) -> None:
        """Raises Forbidden where the headers of an image, or of a redirect on the way to it, opt out."""
        tags = headers.getall("X-Robots-Tag", [])
        if tags and (directive := refused(_directives(tags, self._names), self._settings.optout)):
            raise Forbidden("opt_out_x_robots_tag", f"{directive} in X-Robots-Tag: {', '.join(tags)}")
        reservation = headers.get("tdm-reservation")
        if reservation and self._settings.optout.tdmrep and tdm_reserved(None, "/", reservation):
            raise Forbidden("opt_out_tdmrep", f"tdm-reservation: {reservation}")


def _target(response: Response, seen: set[str], in_scope: Callable[[str], bool] | None) -> str:
    """Where the redirect leads. `seen`: the URLs asked for so far."""
    location = response.headers["Location"]
    try:
        target = normalise(location, response.url)
    except ValueError as error:
        raise Gone("bad_url", f"Location: {error}") from None
    if target in seen:
        raise Gone("redirect_loop", target)
    if len(seen) > MAX_REDIRECTS:
        raise Gone("too_many_redirects", f"more than {MAX_REDIRECTS}, then {target}")
    if in_scope is not None and not in_scope(target):
        raise Forbidden("redirect_out_of_scope", target)
    return target


def _admit_page(head: Head) -> None:
    kind = _content_type(head.headers)
    if kind and kind not in _PAGE_TYPES:
        raise Gone("not_html", kind)


def _visit(url: str, response: Response, redirects: int, want: Want, names: Sequence[str]) -> Visit:
    headers = response.headers
    kind = _content_type(headers)
    if want == "page" and not kind and response.body[:512].lstrip(b"\xef\xbb\xbf \t\r\n\f")[:1] != b"<":
        raise Gone("not_html", "no Content-Type, and it does not begin like HTML")
    tags = headers.getall("X-Robots-Tag", [])
    return Visit(
        url=url,
        final_url=response.url,
        status=response.status,
        content_type=kind,
        body=response.body,
        headers=headers,
        redirects=redirects,
        fetched_at=response.fetched_at,
        directives=_directives(tags, names) if tags else frozenset(),
        tdm_header=headers.get("tdm-reservation"),
    )


def _directives(tags: Sequence[str], names: Sequence[str]) -> frozenset[str]:
    """What X-Robots-Tag says to any of these names."""
    return frozenset().union(*(robots_directives(tags, name) for name in names))


def _content_type(headers: CIMultiDictProxy[str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()
