"""What happened since the last commit, until one transaction makes it part of the crawl."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from wit_builder.crawl.frontier import Address, Count, Frontier
from wit_builder.crawl.levels import depth_of, page_level
from wit_builder.crawl.parts import Parts
from wit_builder.crawl.scope import Scope
from wit_builder.errors import Dropped
from wit_builder.records import Candidate, Loss
from wit_builder.web.url import host_of

PAGES = 256  # settled pages that make a commit due
LINKS = 20_000  # so do new addresses: one sitemap may name 50,000
ROWS = 16_384  # and candidates and losses: 15 MB, when pages hold hundreds of images

# Nothing was asked of the host for the page itself, so its budget is left to another one. Not so where the
# host as a whole is out of reach: its other pages would fare no better.
_FREE = frozenset(("robots", "opt_out_tdmrep"))


@dataclass(slots=True)
class Batch:
    """Settled addresses and what they gave."""

    frontier: Frontier
    parts: Parts
    scope: Scope
    level: int = -1  # of all that is settled
    _settled: list[Address] = field(default_factory=list)
    _asked: Counter[str] = field(default_factory=Counter)
    counts: Counter[Count] = field(default_factory=Counter)  # what a commit adds to the frontier's
    _candidates: list[Candidate] = field(default_factory=list)
    _losses: list[Loss] = field(default_factory=list)
    _links: dict[bytes, Address] = field(default_factory=dict)
    _moves: dict[int, dict[bytes, Address]] = field(default_factory=lambda: defaultdict(dict))
    _refused: dict[bytes, Loss] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not self._settled

    @property
    def is_full(self) -> bool:
        """Whether a commit is due, by size."""
        return (
            len(self._settled) >= PAGES
            or len(self._links) + len(self._refused) >= LINKS
            or len(self._candidates) + len(self._losses) >= ROWS
        )

    def keep(self, address: Address, candidates: list[Candidate], losses: list[Loss]) -> None:
        """A page was read."""
        self._settled.append(address)
        self._asked[address.host] += 1
        self.counts["pages", ""] += 1
        self.counts["extract", ""] += len(candidates)
        self._candidates += candidates
        if losses:
            self.counts.update(("extract", loss.reason) for loss in losses)
            self._losses += losses

    def keep_sitemap(self, address: Address, cut: str, at: datetime) -> None:
        """A sitemap was read; it is no page, so the funnel does not know it. cut: why not all of it, else ""."""
        self._settled.append(address)
        self._asked[address.host] += 1
        self.counts["frontier", "sitemaps"] += 1
        if cut:
            self._lost(address, "bad_sitemap", cut, at)

    def lose(self, address: Address, why: Dropped, at: datetime) -> None:
        """A page or sitemap was not had."""
        if why.reason not in _FREE:
            self._asked[address.host] += 1
        self.give_up(address, why, at)

    def give_up(self, address: Address, why: Dropped, at: datetime) -> None:
        """A page or sitemap is not asked for."""
        self._settled.append(address)
        self._lost(address, why.reason, why.evidence, at)

    def link(self, urls: Iterable[str], at: datetime) -> None:
        """Pages that a page or sitemap names: those in scope wait for the next depth."""
        for key, url in self.frontier.unfamiliar(urls):
            host = host_of(url)
            if self.scope.holds(host) and not self._refuse(key, url, at):
                self._links[key] = Address(key, host, url)

    def redirect(self, key: bytes, url: str, level: int, at: datetime) -> None:
        """A page in scope that a redirect leads to; it waits for that level, unless it is had before."""
        if not self._refuse(key, url, at):
            self.move(key, url, level)

    def move(self, key: bytes, url: str, level: int) -> None:
        """A page or sitemap that waits for that level, whatever the scope says."""
        self._moves[level][key] = Address(key, host_of(url), url)

    def refuse(self, key: bytes, url: str, reason: str, evidence: str, at: datetime) -> None:
        """An address that is not asked for, whoever names it; lost once, when it is met first."""
        self._refused[key] = _page_loss(key, url, reason, evidence, at)

    def commit(self) -> None:
        """Write everything, files before the rows that name them, and begin anew."""
        frontier = self.frontier
        with frontier.transaction():
            for key in sorted(frontier.refuse(list(self._refused))):
                self._losses.append(self._refused[key])
                self.counts["pages", self._refused[key].reason] += 1
            frontier.add(list(self._links.values()), page_level(depth_of(self.level) + 1))
            for level in sorted(self._moves):
                frontier.move(list(self._moves[level].values()), level)
            frontier.settle(self._settled)
            frontier.charge(self._asked)
            for (stage, reason), n in self.counts.items():
                frontier.count(stage, reason, n)
            self.parts.write("candidates", self._candidates)
            self.parts.write("losses", self._losses)
        self.parts.tidy()
        self._clear()

    def _refuse(self, key: bytes, url: str, at: datetime) -> bool:
        refusal = self.scope.refusal(url)
        if refusal is not None:
            self.refuse(key, url, refusal.reason, refusal.evidence, at)
        return refusal is not None

    def _lost(self, address: Address, reason: str, evidence: str, at: datetime) -> None:
        self._losses.append(_page_loss(address.key, address.url, reason, evidence, at))
        self.counts["pages", reason] += 1

    def _clear(self) -> None:
        for gathered in (
            self._settled,
            self._asked,
            self.counts,
            self._candidates,
            self._losses,
            self._links,
            self._moves,
            self._refused,
        ):
            gathered.clear()


def _page_loss(key: bytes, url: str, reason: str, evidence: str, at: datetime) -> Loss:
    return Loss(id=key.hex(), stage="pages", reason=reason, url=url, caption="", evidence=evidence, at=at)
