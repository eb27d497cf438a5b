"""Is this address ours to crawl? Decided from the address and the settings alone."""

import re
from dataclasses import dataclass

from wit_builder.crawl.settings import Crawl
from wit_builder.crawl.traps import trap
from wit_builder.web.url import host_of, normalise, registrable_domain

_HOSTS_REMEMBERED = 65_536


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an address within the scope is not crawled."""

    reason: str  # trap, excluded
    evidence: str


class Scope:
    """Hosts and patterns of a crawl, compiled."""

    def __init__(self, settings: Crawl) -> None:
        seeds = [host_of(normalise(url)) for url in settings.seeds]
        self._kind = settings.scope
        self._hosts = frozenset(_bare(host) for host in seeds)
        self._domains = frozenset(registrable_domain(host) for host in seeds)
        self._named = frozenset(host for host in settings.hosts if not host.startswith("*"))
        self._suffixes = tuple(host[1:] for host in settings.hosts if host.startswith("*"))
        self._include = [re.compile(pattern) for pattern in settings.include]
        self._exclude = [re.compile(pattern) for pattern in settings.exclude]
        self._remembered: dict[str, bool] = {}

    def holds(self, host: str) -> bool:
        """Whether pages of that host (lower case, no port) belong to the crawl."""
        known = self._remembered.get(host)
        if known is None:
            if len(self._remembered) >= _HOSTS_REMEMBERED:
                self._remembered.clear()
            known = self._remembered[host] = self._judge(host)
        return known

    def refusal(self, url: str) -> Refusal | None:
        """Why a normalised address of a host within the scope is not crawled, or None."""
        what = trap(url)
        if what is not None:
            return Refusal("trap", what)
        for pattern in self._exclude:
            if pattern.search(url):
                return Refusal("excluded", f"matches {pattern.pattern[:200]!r}")
        if self._include and not any(pattern.search(url) for pattern in self._include):
            return Refusal("excluded", "matches no included pattern")
        return None

    def _judge(self, host: str) -> bool:
        return (
            self._kind == "any"
            or (self._kind == "domain" and registrable_domain(host) in self._domains)
            or _bare(host) in self._hosts
            or host in self._named
            or host.endswith(self._suffixes)
        )


def _bare(host: str) -> str:
    """Without "www.": sites answer under both, and send visitors from one to the other."""
    return host.removeprefix("www.")
