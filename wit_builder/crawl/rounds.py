"""Level after level, turn after turn: what is chosen, who works on it, when it is committed."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from wit_builder.crawl.batch import Batch
from wit_builder.crawl.frontier import Frontier, Interrupted
from wit_builder.crawl.harvest import Harvester, Job
from wit_builder.crawl.levels import depth_of, holds_sitemaps
from wit_builder.crawl.parts import Parts
from wit_builder.crawl.saved import Saved
from wit_builder.crawl.scope import Scope
from wit_builder.crawl.settings import Crawl
from wit_builder.crawl.window import Window
from wit_builder.errors import BuildError, Dropped
from wit_builder.web.journal import Journal
from wit_builder.web.politeness import HostQueues

COMMIT_S = 5.0  # seconds after which a batch is committed, however small
REPORT_S = 1.0
POLL_S = 0.1  # how often `stop` is asked
SWEPT = 4_096  # addresses over a limit that one commit gives up: 4 MB of losses


class Rounds:
    """Settles what the frontier knows, until nothing waits or `stop` says so."""

    def __init__(
        self,
        settings: Crawl,
        frontier: Frontier,
        parts: Parts,
        scope: Scope,
        harvester: Harvester,
        queues: HostQueues[Job],
        saved: Saved,
        journal: Journal,
        stop: Callable[[], bool],
        report: Callable[[dict[str, int]], None],
    ) -> None:
        self._settings = settings
        self._frontier = frontier
        self._harvester = harvester
        self._queues = queues
        self._saved = saved
        self._journal = journal
        self._ask_to_stop = stop
        self._stopped = False
        self._report = report
        self._window = Window(frontier, lambda address: queues.put(address.host, Job(address)))
        self._batch = Batch(frontier, parts, scope)
        self._committed = self._reported = time.monotonic()

    async def run(self) -> None:
        """Settle level after level; the last thing committed is that the crawl is finished."""
        with suppress(Interrupted):
            while not self._stop():
                if not self._frontier.is_settled():
                    await self._level()
                elif self._next_level() is None:
                    break
        await self._saved.save()
        self._report(self._progress())

    def _next_level(self) -> int | None:
        frontier = self._frontier
        with frontier.interruptible(self._stop), frontier.transaction():
            level = frontier.next_level()
            if level is None:
                frontier.remember("finished", "yes")
        return level

    async def _level(self) -> None:
        level, settings = self._frontier.level, self._settings
        self._batch.level = level
        if depth_of(level) > settings.max_depth:
            why = Dropped("too_deep", f"depth {depth_of(level)}, at most {settings.max_depth}")
            self._give_up_rest(settings.max_pages_per_host, why, why)
        elif holds_sitemaps(level):
            await self._within_budget(settings.max_sitemaps_per_host, None)
        else:
            await self._within_budget(settings.max_pages_per_host, settings.max_pages)

    async def _within_budget(self, per_host: int, total: int | None) -> None:
        """Turn after turn, until no budget allows another address; those that are left are over a limit."""
        frontier = self._frontier
        while not self._stop():
            with frontier.interruptible(self._stop), frontier.transaction():
                frontier.choose(per_host, total)
                chosen, hosts = frontier.chosen()
            if not chosen:
                what = "sitemaps" if holds_sitemaps(self._batch.level) else "pages"
                self._give_up_rest(
                    per_host,
                    Dropped("page_limit_host", f"at most {per_host} {what} of a host"),
                    Dropped("page_limit_total", f"at most {total} {what}"),
                )
                return
            await self._turn(chosen, hosts)

    async def _turn(self, chosen: int, hosts: int) -> None:
        """Settle what is chosen and commit it; when that fails, what was committed before stays."""
        self._window.open(hosts)
        workers = [asyncio.create_task(self._work()) for _ in range(min(chosen, self._settings.concurrency))]
        try:
            await self._watch(workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        self._commit()

    async def _watch(self, workers: list[asyncio.Task[None]]) -> None:
        """Wait for the workers; see to it that commits, reports and a stop come in time."""
        pending = set(workers)
        while pending and not self._stop():
            done, pending = await asyncio.wait(pending, timeout=POLL_S, return_when=asyncio.FIRST_EXCEPTION)
            for worker in done:
                worker.result()
            now = time.monotonic()
            if now - self._committed >= COMMIT_S:
                self._commit()
            await self._saved.save_when_due()
            self._journal.sync(self._queues.wishes)
            if now - self._reported >= REPORT_S:
                self._reported = now
                self._report(self._progress())

    async def _work(self) -> None:
        while (job := await self._queues.take()) is not None:
            host = job.address.host
            try:
                if not job.tries:
                    self._window.taken(host)
                await self._harvester.settle(job, self._batch)
                if self._batch.is_full:
                    self._commit()
            finally:
                self._queues.release(host)

    def _give_up_rest(self, per_host: int, host_limit: Dropped, total_limit: Dropped) -> None:
        """Lose what is left of the level."""
        while not self._stop() and (rest := self._frontier.leftovers(per_host, SWEPT)):
            now = datetime.now(UTC)
            for leftover in rest:
                why = host_limit if leftover.host_is_spent else total_limit
                self._batch.give_up(leftover.address, why, now)
            self._commit()

    def _stop(self) -> bool:
        self._stopped = self._stopped or self._ask_to_stop()
        return self._stopped

    def _commit(self) -> None:
        self._committed = time.monotonic()
        if self._batch.is_empty:
            return
        try:
            self._batch.commit()
        except (OSError, sqlite3.Error) as error:
            raise BuildError(f"what was crawled cannot be written: {error}") from error

    def _progress(self) -> dict[str, int]:
        counts = self._frontier.counts + self._batch.counts
        pages = sum(n for (stage, _), n in counts.items() if stage == "pages")
        return {
            "depth": depth_of(max(self._batch.level, 0)),
            "pages": counts["pages", ""],
            "dropped": pages - counts["pages", ""],
            "candidates": counts["extract", ""],
            "waiting": counts["frontier", "known"] - pages - counts["frontier", "sitemaps"],
        }
