"""From seeds to candidates on disk.

1. Seeds and given sitemaps enter the frontier, once (frontier.py).
2. The smallest level that waits begins (levels.py): seeds, their sitemaps, depth 1, its redirects, depth 2...
3. Of it the budgets choose, by smallest key of the URL: so many of a host, so many of all (rounds.py).
4. Workers take the chosen addresses from the queues of hosts, visit them and read the pages (harvest.py).
5. Candidates, losses and links gather in a batch; 256 pages, or 5 seconds, make one commit (batch.py).
6. Where robots.txt or TDMRep forbade a page, its budget is free again, and step 3 chooses again. Then what is
   left of the level is over a limit, and lost.

What a crawl keeps depends on no order in which answers come in: levels are settled one after the other,
choices and refusals are made from addresses alone, and an address's level is the smallest it can have.
Redirects are no exception: **a page that redirects is lost as `redirected`, and where it leads is a page of
the same depth, one hop further**, had once however many lead there, at one request for each hop. What can
depend on the order: which pages of a host are not asked for any more, when it fails so often in a row that it
is given up.

A crawl stops at once and goes on where it was: what is not committed is fetched again. What hosts asked for holds on
(web/journal.py).
"""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from wit_builder import mirror
from wit_builder.crawl.frontier import Address, Frontier
from wit_builder.crawl.harvest import Harvester, Job
from wit_builder.crawl.levels import page_level, sitemap_level
from wit_builder.crawl.parts import Parts
from wit_builder.crawl.rounds import Rounds
from wit_builder.crawl.saved import FRONTIER, Saved, taken_up
from wit_builder.crawl.scope import Scope
from wit_builder.crawl.settings import Crawl
from wit_builder.crawl.visits import CrawlVisitor
from wit_builder.errors import ConfigError
from wit_builder.extract.settings import Extraction
from wit_builder.ledger import Funnel
from wit_builder.records import url_id
from wit_builder.settings import differences, encode
from wit_builder.web.journal import NAME, Journal
from wit_builder.web.politeness import HostQueues
from wit_builder.web.settings import WebSettings
from wit_builder.web.url import host_of, normalise


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """What a crawl has given so far. Every candidate and loss stands in exactly one of the parts."""

    finished: bool  # else it was stopped, and goes on when called again
    funnel: Funnel  # stages pages and extract, of what the parts hold; sitemaps that were read are no pages
    candidate_parts: list[Path]  # parquet, records.CANDIDATE_SCHEMA
    loss_parts: list[Path]  # parquet, records.LOSS_SCHEMA


async def crawl(
    settings: Crawl,
    web: WebSettings,
    extraction: Extraction,
    folder: Path,
    *,
    attempt: str,
    stop: Callable[[], bool],
    report: Callable[[dict[str, int]], None],
    connect_to: Mapping[str, str | None] | None = None,
) -> CrawlResult:
    """Crawl into a folder, or go on with the crawl that is there.

    attempt: 8 hex digits that no other process has; in the names of its files.
    stop: asked ten times a second; once it says True, `crawl` commits and returns within 2 seconds.
    report: is given about once a second: depth (of the pages under way), pages (kept), dropped, candidates,
        waiting (addresses known and not settled). connect_to: see `network.Resolver`.

    Raises ConfigError when the folder holds a crawl with other settings; BuildError when another process is
    crawling into it, when a file cannot be written, and when a page makes our own code fail.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = taken_up(folder)
    with Frontier(folder / FRONTIER) as frontier:
        _begin(frontier, settings)
        parts = Parts(folder, attempt, frontier)
        saved = Saved(folder, attempt, number, frontier, parts)
        with closing(Journal(mirror.here(folder / NAME))) as journal:
            journal.begin(0, 1, journal.wishes)
            if not _is_finished(frontier):
                queues: HostQueues[Job] = HostQueues(web.politeness, heard=journal.hear)
                queues.take_over(journal.wishes)
                scope = Scope(settings)
                async with CrawlVisitor.open(web, queues, connect_to=connect_to) as visitor:
                    harvester = Harvester(settings, extraction, scope, visitor, queues)
                    await Rounds(
                        settings, frontier, parts, scope, harvester, queues, saved, journal, stop, report
                    ).run()
                journal.begin(0, 1, queues.wishes())
        return CrawlResult(
            finished=_is_finished(frontier),
            funnel=_funnel(frontier),
            candidate_parts=parts.paths("candidates"),
            loss_parts=parts.paths("losses"),
        )


def _begin(frontier: Frontier, settings: Crawl) -> None:
    """Let the seeds into a new frontier; check that one that exists is this crawl's."""
    now = {name: value for name, value in encode(settings).items() if name != "concurrency"}
    before = frontier.recall("settings")
    if before is not None:
        if changed := differences(json.loads(before), now):
            raise ConfigError(
                f"the crawl in this folder has other settings: {'; '.join(changed)}",
                "go on with the old ones, or crawl into another folder",
            )
        return
    with frontier.transaction():
        frontier.add(_addresses(settings.seeds), page_level(0))
        frontier.move(_addresses(settings.sitemap_urls), sitemap_level())
        frontier.remember("settings", json.dumps(now))


def _addresses(urls: tuple[str, ...]) -> list[Address]:
    return [
        Address(bytes.fromhex(url_id(url)), host_of(url), url) for url in dict.fromkeys(map(normalise, urls))
    ]


def _is_finished(frontier: Frontier) -> bool:
    return frontier.recall("finished") is not None


def _funnel(frontier: Frontier) -> Funnel:
    funnel = Funnel()
    for (stage, reason), n in frontier.counts.items():
        if stage == "frontier":
            continue
        if reason:
            funnel[stage].drop(reason, n)
        else:
            funnel[stage].kept += n
    return funnel
