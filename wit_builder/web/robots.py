"""May we fetch this URL? The answer of its origin's robots.txt, read as RFC 9309 says.

Callers ask one thing, `RobotsGate.check(url)`. The rest of the file answers it: ask the origin once (2.4),
tell "states no wish" from "cannot be asked" (2.3.1), find the group that speaks to us (2.2.1). Which of that
group's rules fits a path (2.2.2, 2.2.3) is protego's part. It never sees the rest of the file: it crosses
every rule with every agent of a group (110 kB of hostile text took it 22 s and 1.1 GB), and it matches agents
by part ("wit" speaks to "wit-builder"), where the RFC wants the whole product token.

Laxer than the RFC in one point, as protego and Google are: who allows /a/index.html allows /a/ too.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Generic, NoReturn, Protocol, TypeVar
from urllib.parse import quote

from protego import Protego

from wit_builder.errors import FetchError, Forbidden, Transient
from wit_builder.web.settings import Politeness
from wit_builder.web.url import normalise, origin_of

KEEP_S = 24 * 3600.0  # RFC 9309 2.4: an answer is used for at most a day
USUAL = Politeness()
UNREACHABLE_S = 600.0  # after which an origin that was given up is asked again
MAX_PARSED = 500 * 1024  # bytes; RFC 9309 2.5: at least 500 KiB
MAX_SITEMAPS = 1000
MAX_KEPT = 128 << 20  # bytes that the answers of all origins may take, as estimated below
_TIMES_HELD = 4  # that the text of a rule is in memory: 2.4 measured, in ASCII
_RULE_BYTES = 600  # of a rule in protego: 560 measured over 850 real files, 330 in a file of 500 KiB
_RULES_EXPLAINED = 200  # rules tried, longest first, to name the one that refused

# Spellings that owners use; protego's list.
_FIELDS = {
    "user-agent": "agent",
    "useragent": "agent",
    "user agent": "agent",
    "allow": "allow",
    "disallow": "disallow",
    "dissallow": "disallow",
    "dissalow": "disallow",
    "disalow": "disallow",
    "diasllow": "disallow",
    "disallaw": "disallow",
    "crawl-delay": "crawl-delay",
    "crawl delay": "crawl-delay",
    "request-rate": "request-rate",
    "request rate": "request-rate",
    "sitemap": "sitemap",
    "sitemaps": "sitemap",
    "site-map": "sitemap",
}
_LINE = re.compile(
    rf"^[ \t\f\v\ufeff\xa0]*({'|'.join(_FIELDS)})(?:[ \t]*:|[ \t])[ \t]*([^#\n]*)",
    re.IGNORECASE | re.MULTILINE | re.ASCII,
)
_TOKEN = re.compile(r"[a-z0-9_-]+")
_PLAIN = re.compile(r"/[A-Za-z0-9/_.-]*")  # a pattern that can be spelled in one way only, but for %
# End a line for str.splitlines, not for the RFC.
_ODD_LINE_END = re.compile("[\v\f\x1c-\x1e\x85\u2028\u2029]")

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class RobotsAnswer:
    """What an origin said when asked for a file, after redirects."""

    status: int
    body: bytes
    age_s: float = 0.0  # seconds since it was said


class Kept(Protocol):
    """Answers that outlast the process, by the URL that was asked for."""

    def get(self, url: str) -> RobotsAnswer | None:
        """What was said, where it is known and holds."""

    def keep(self, url: str, answer: RobotsAnswer) -> None:
        """Take down what is said."""


Get = Callable[[str], Awaitable[RobotsAnswer]]
"""Fetches a file, following redirects; raises FetchError when there is no answer."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Why a file could not be had. 2.3.1.4: not knowing is not permission, so nothing may be fetched."""

    why: str
    failures: int = 0  # in a row that may pass
    retry_s: float | None = None  # after which asking again may help; None: it would not

    @property
    def keep_s(self) -> float:
        """For how long the origin is not asked again."""
        return UNREACHABLE_S if self.retry_s is None else self.retry_s

    def refuse(self, reason: str) -> NoReturn:
        """Raises Transient, to be tried again once the origin will be asked again, or Forbidden."""
        if self.retry_s is None:
            raise Forbidden(reason, self.why)
        raise Transient(reason, self.why, self.retry_s)


async def ask(
    get: Get, address: str, last: Unreachable | None, politeness: Politeness
) -> RobotsAnswer | Unreachable:
    """What the origin says in its file at `address`; an empty answer where it has none (2.3.1.3).

    401 and 403 say so too: no wish is stated. All but 2xx and 4xx is no answer, and 429 is none either. What
    may pass is worth as many retries, with as long between them, as an item has: none where its time is used up.
    last: what came of the last.
    """
    failures = 1 + (last.failures if last is not None else 0)
    pause = min(politeness.backoff_s * 2.0 ** min(failures - 1, 30), politeness.max_retry_after_s)
    retry_s = pause if failures <= politeness.retries else None
    try:
        answer = await get(address)
    except Transient as error:
        return Unreachable(f"{address}: {error}", failures, None if error.reason == "timeout" else retry_s)
    except FetchError as error:
        if error.reason.startswith("http_4") and error.reason != "http_429":
            return RobotsAnswer(404, b"")
        return Unreachable(f"{address}: {error}")
    if answer.status == 429 or answer.status >= 500:
        return Unreachable(f"{address}: status {answer.status}", failures, retry_s)
    if 200 <= answer.status < 300:
        return answer
    if 400 <= answer.status < 500:
        return replace(answer, body=b"")
    return Unreachable(f"{address}: status {answer.status}")


class RobotsGate:
    """Asks each origin's robots.txt once, however many wait, and keeps what it said for a day.

    agent: our product token; of a longer user agent the part before the first "/" or space counts.
    clock: seconds, monotonic. also: a second product token; where a group names it, its rules hold besides.
    politeness: how often, and when, it is asked again after failures that may pass.
    """

    def __init__(
        self,
        get: Get,
        agent: str,
        clock: Callable[[], float] = time.monotonic,
        also: str = "",
        politeness: Politeness = USUAL,
    ) -> None:
        self._get, self._politeness = get, politeness
        self._agent, self._also = agent, also
        self._rules = PerOrigin(self._load, clock)

    async def check(self, url: str) -> None:
        """Returns when `url` (normalised) may be fetched.

        Raises Forbidden("robots") with the rule, or "robots_unreachable" with what went wrong: as Transient
        where that may pass, else as Forbidden.
        """
        rules = await self._rules.get(origin_of(url))
        if rules.unreachable is not None:
            rules.unreachable.refuse("robots_unreachable")
        if not rules.allow(url):
            raise Forbidden("robots", f"{rules.deciding(url)} in {origin_of(url)}/robots.txt")

    async def crawl_delay(self, url: str) -> float | None:
        """Seconds that the origin wants between two requests, 0 or more and of any size; None: no wish."""
        return (await self._rules.get(origin_of(url))).crawl_delay

    def sitemaps(self, origin: str) -> list[str]:
        """The sitemaps that the origin names, normalised; none before its first `check`."""
        rules = self._rules.fresh(origin)
        return list(rules.sitemaps) if rules else []

    async def _load(self, origin: str) -> "Answer[Rules]":
        address = f"{origin}/robots.txt"
        last = self._rules.last(origin)
        answer = await ask(self._get, address, last.unreachable if last else None, self._politeness)
        if isinstance(answer, Unreachable):
            return Answer(Rules(unreachable=answer), answer.keep_s)
        rules = read_rules(answer.body, self._agent, address, self._also)
        return Answer(rules, KEEP_S - answer.age_s, rules.size)


@dataclass(frozen=True, slots=True)
class Rules:
    """What an origin asks of us."""

    unreachable: Unreachable | None = None  # it could not be asked; then nothing may be fetched
    matcher: Protego | None = None  # the rules of our group, None where it has none
    disallowed: tuple[str, ...] = ()  # patterns, longest first
    plain: bool = False  # all of them are prefixes
    crawl_delay: float | None = None  # seconds
    sitemaps: tuple[str, ...] = ()
    size: int = 0  # estimated bytes in memory
    also: "Rules | None" = None  # those for our second name

    def allow(self, url: str) -> bool:
        """Whether our group's rules let us fetch `url` (normalised)."""
        ours = self.matcher is None or self._meets_none(url) or self.matcher.can_fetch(url, "*")
        return ours and (self.also is None or self.also.allow(url))

    def _meets_none(self, url: str) -> bool:
        """Whether it is plain that no rule speaks of it, without protego, which takes it apart to say so."""
        path = url.find("/", len("https://"))
        known = self.plain and path > 0 and url.startswith("http") and "%" not in url
        return known and not url.startswith(self.disallowed, path)

    def deciding(self, url: str) -> str:
        """The rule that refused `url`: the longest one that fits (2.2.2)."""
        for pattern in self.disallowed[:_RULES_EXPLAINED]:
            if not _only(pattern).can_fetch(url, "*"):
                return f"Disallow: {pattern[:300]}"
        if self.also is not None and not self.also.allow(url):
            return self.also.deciding(url)
        return f"one of {len(self.disallowed)} rules"


def read_rules(body: bytes, agent: str, address: str, also: str = "") -> Rules:
    """What the robots.txt at `address` asks of `agent`, and of `also` by name. Whatever the bytes, never raises."""
    text = _text(body)
    groups, sitemaps = _our_groups(text, _token(agent))
    rules = _rules(groups.get(_token(agent), groups.get("*", [])), _addresses(sitemaps, address))
    named = _our_groups(text, _token(also))[0].get(_token(also)) if also else None
    if named is None:
        return rules
    more = _rules(named, ())
    delays = [delay for delay in (rules.crawl_delay, more.crawl_delay) if delay is not None]
    return replace(rules, also=more, crawl_delay=max(delays, default=None), size=rules.size + more.size)


def _rules(lines: list[tuple[str, str]], sitemaps: tuple[str, ...]) -> Rules:
    size = sum(100 + len(address) for address in sitemaps)
    if not lines:
        return Rules(sitemaps=sitemaps, size=size)
    matcher = Protego.parse("\n".join(["user-agent: *", *(f"{field}: {value}" for field, value in lines)]))
    disallowed = tuple(sorted((v for f, v in lines if f == "disallow"), key=len, reverse=True))
    return Rules(
        matcher=matcher if any(field in ("allow", "disallow") for field, _ in lines) else None,
        disallowed=disallowed,
        plain=all(map(_PLAIN.fullmatch, disallowed)),
        crawl_delay=_delay(matcher),
        sitemaps=sitemaps,
        size=size + sum(_RULE_BYTES + _TIMES_HELD * len(value) for _, value in lines),
    )


@dataclass(frozen=True, slots=True)
class Answer(Generic[ValueT]):
    """What was learnt of an origin, and for how long it holds."""

    value: ValueT
    keep_s: float
    size: int = 0  # estimated bytes in memory, over the 1,000 that every answer is taken for


class PerOrigin(Generic[ValueT]):
    """Asks one question per origin, however many wait, and keeps the answers used last.

    A waiter that is cancelled leaves the question running for the others. An error that `ask` raises goes
    to all who wait, and is not kept.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[Answer[ValueT]]],
        clock: Callable[[], float],
        max_size: int = MAX_KEPT,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._room = max_size
        self._known: OrderedDict[str, tuple[Answer[ValueT], float]] = OrderedDict()  # and when it ends
        self._asking: dict[str, asyncio.Task[ValueT]] = {}

    async def get(self, origin: str) -> ValueT:
        """The answer of `origin`, asked for where it is not known."""
        known = self.fresh(origin)
        if known is not None:
            return known
        task = self._asking.get(origin)
        if task is None:
            task = self._asking[origin] = asyncio.create_task(self._learn(origin))
            task.add_done_callback(lambda done: self._forget_task(origin, done))
        return await asyncio.shield(task)

    def fresh(self, origin: str) -> ValueT | None:
        """The answer of `origin` where one is known and still holds."""
        known = self._known.get(origin)
        if known is None or known[1] <= self._clock():
            return None
        self._known.move_to_end(origin)
        return known[0].value

    def last(self, origin: str) -> ValueT | None:
        """The last answer of `origin`, where it is remembered, whether it still holds or not."""
        known = self._known.get(origin)
        return None if known is None else known[0].value

    async def _learn(self, origin: str) -> ValueT:
        answer = await self._ask(origin)
        self._drop(origin)
        self._known[origin] = answer, self._clock() + answer.keep_s
        self._room -= 1000 + answer.size
        while self._room < 0 and len(self._known) > 1:
            self._drop(next(iter(self._known)))
        return answer.value

    def _drop(self, origin: str) -> None:
        known = self._known.pop(origin, None)
        if known is not None:
            self._room += 1000 + known[0].size

    def _forget_task(self, origin: str, task: "asyncio.Task[ValueT]") -> None:
        if self._asking.get(origin) is task:
            del self._asking[origin]


def _text(body: bytes) -> str:
    """The first 500 KiB in whole lines, LF between them; UTF-8 (2.3), UTF-16 where a mark says so."""
    kept = body[: MAX_PARSED + 1]  # with the byte that may end the last line
    if len(body) > MAX_PARSED:
        kept = kept[: max(kept.rfind(b"\n"), kept.rfind(b"\r")) + 1]
    marked = kept.startswith((b"\xff\xfe", b"\xfe\xff"))
    return kept.decode("utf-16" if marked else "utf-8", "replace").replace("\r", "\n")


def _our_groups(text: str, token: str) -> tuple[dict[str, list[tuple[str, str]]], list[str]]:
    """The lines that speak to us and those for "*", as (field, value), and the values of all sitemap lines.

    Groups of our token are joined; those of "*" count only where no group names us (2.2.1). Lines of other
    fields neither begin nor end a group (2.2.4), so a Crawl-delay between agents leaves them one group; it is
    itself the wish of those alone whom the lines right before it name.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    sitemaps: list[str] = []
    ruled: dict[str, list[tuple[str, str]]] = {}  # the groups that the next rule belongs to
    paced: dict[str, list[tuple[str, str]]] = {}  # and the next Crawl-delay or Request-rate
    naming = listing = False  # no rule has come since an agent was named, or no line at all
    for field, value in _fields(text):
        if field == "sitemap":
            sitemaps.append(value)
        elif field == "agent":
            named = _token(value)
            ruled, paced = ruled if naming else {}, paced if listing else {}
            naming = listing = True
            if named in (token, "*"):
                ruled[named] = paced[named] = groups.setdefault(named, [])
        else:
            rule = field in ("allow", "disallow")
            naming, listing = naming and not rule, False
            for lines in (ruled if rule else paced).values() if value else ():
                lines.append((field, value))
    return groups, sitemaps


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for line in _LINE.finditer(text):
        yield _FIELDS[line[1].lower()], _ODD_LINE_END.sub(lambda odd: quote(odd[0]), line[2].strip())


def _token(agent: str) -> str:
    """The product token of a user agent in lower case: what comes before the first "/" or space; or "*"."""
    agent = agent.strip().lower()
    if agent == "*" or agent.startswith(("* ", "*\t")):
        return "*"
    found = _TOKEN.match(agent.replace("*", ""))  # "foo*" and "*foo" mean foo: no wildcards here (2.2.1)
    return found[0] if found else ""


def _delay(matcher: Protego) -> float | None:
    """Crawl-delay or Request-rate, the slower one, whatever the hours that a Request-rate is meant for."""
    delay, rate = matcher.crawl_delay("*"), matcher.request_rate("*")
    wishes = [delay] if delay is not None else []
    wishes += [rate.seconds / rate.requests] if rate is not None else []
    return max(wishes, default=None)


def _addresses(values: list[str], base: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for value in values[:MAX_SITEMAPS]:
        try:
            found[normalise(value, base)] = None
        except ValueError:
            continue
    return tuple(found)


@lru_cache(maxsize=1024)
def _only(pattern: str) -> Protego:
    return Protego.parse(f"user-agent: *\ndisallow: {pattern}")
