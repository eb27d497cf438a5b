"""What shall be crawled, and how far. How hosts are treated is in `web`'s settings, not here."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from wit_builder.errors import ConfigError
from wit_builder.web.url import normalise

ScopeKind = Literal["host", "domain", "any"]

_HOST_PATTERN = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9_.-]*[a-z0-9])?|\*|\[[0-9a-f:]+\]")


@dataclass(frozen=True, slots=True)
class Crawl:
    """A crawl's seeds and limits. Everything here shapes the result, but for `concurrency`.

    Raises ConfigError for a seed that is no http(s) address, a pattern that is no regular expression, a
    number below its least value.
    """

    seeds: tuple[str, ...]
    sitemaps: bool = True  # read the sitemaps that the robots.txt of a seed's origin names
    sitemap_urls: tuple[str, ...] = ()  # sitemaps to read besides, whatever `sitemaps` says
    scope: ScopeKind = "host"  # the seeds' hosts (www. or not), their registrable domains, or any host
    hosts: tuple[str, ...] = ()  # in scope besides: "a.test", "*.demo.test" (any name below demo.test)
    include: tuple[str, ...] = ()  # a page's URL must hold one of them, where there are any; seeds need not
    exclude: tuple[str, ...] = ()  # nor any of these; seeds may
    max_depth: int = 5  # links between a seed and a page, at most
    max_pages_per_host: int = 1000  # asked for; those that robots.txt or TDMRep forbids do not count
    max_pages: int | None = None  # the same over all hosts
    max_sitemaps_per_host: int = 50
    concurrency: int = 64  # pages in flight; the result does not depend on it

    def __post_init__(self) -> None:
        _at_least(0, max_depth=self.max_depth, max_sitemaps_per_host=self.max_sitemaps_per_host)
        _at_least(1, max_pages_per_host=self.max_pages_per_host, concurrency=self.concurrency)
        if self.max_pages is not None:
            _at_least(1, max_pages=self.max_pages)
        if self.scope not in get_args(ScopeKind):
            raise ConfigError(f"scope is {self.scope!r}, one of {', '.join(get_args(ScopeKind))} is expected")
        if not self.seeds and not self.sitemap_urls:
            raise ConfigError("a crawl without seeds reaches nothing", "give at least one seed address")
        _check_addresses("seed", self.seeds)
        _check_addresses("sitemap", self.sitemap_urls)
        _check_patterns((*self.include, *self.exclude))
        for host in self.hosts:
            if not _HOST_PATTERN.fullmatch(host):
                raise ConfigError(f"{host!r} is no pattern of hosts", 'write it as "a.test" or "*.a.test"')


def _at_least(least: int, **values: int) -> None:
    for name, value in values.items():
        if value < least:
            raise ConfigError(f"{name} is {value}, at least {least} is expected")


def _check_addresses(noun: str, urls: Iterable[str]) -> None:
    for url in urls:
        try:
            normalise(url)
        except ValueError as error:
            raise ConfigError(f"{noun} {url!r}: {error}", "write it as https://example.org/") from None


def _check_patterns(patterns: Iterable[str]) -> None:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ConfigError(f"{pattern!r} is no regular expression: {error}") from None
