"""Downloads the images of one bin of domains, politely, and stages them as samples.

Every candidate of the bin ends as a sample or as a failure with its reason. The bin is read in windows, in which
hosts take turns (HostQueues), so a slow one delays nobody else; transient failures wait at the back of their host's
queue. Queues, connections and what robots.txt said last from one window to the next.

    HOME/journal.jsonl      what the next attempt must know (web/journal.py)
    HOME/files.jsonl        what it need not ask again (files.py)
    HOME/00000/             the chunks of each window (chunks.py)
"""

import asyncio
import gc
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import uvloop

from wit_builder.blocklist import blocked
from wit_builder.engine.task import Stopped, Task
from wit_builder.errors import Dropped, Transient
from wit_builder.fetch import windows
from wit_builder.fetch.chunks import Chunks
from wit_builder.fetch.files import Files
from wit_builder.fetch.pixels import Pixels
from wit_builder.fetch.room import Backlog, ImageVisitor
from wit_builder.mirror import here
from wit_builder.records import CANDIDATE_SCHEMA
from wit_builder.web.journal import NAME, Journal
from wit_builder.web.politeness import HostQueues, Wish, backoff
from wit_builder.web.settings import WebSettings
from wit_builder.web.url import host_of

REPORT_S = 0.25
STOP_S = 0.1  # how often the wish to stop is looked for
BODIES_A_PROCESS = 8  # that may wait for a process before less is asked for

_READS = ("id", "url", "page_url", "extra")


def fetch(task: Task) -> None:
    """Fetches one bin.

    arg: bin; params: inputs ([shuffle path]), bins, stays (of each bin [npy path] which rows to take; none: all),
    web (WebSettings), image (ImageSpec), wishes (journals of those who asked the web before, where there are any).
    Hands on `samples`, `failures` and `losses` (parquet), and `wishes`, its own journal; images lie in staged tars
    that samples name.
    """
    with Journal.open(task.home) as journal, Files.open(task.home) as files:
        uvloop.run(_Fetch(task, journal, files).run())


@dataclass(slots=True)
class _Item:
    """A candidate in the queue of its host."""

    row: int  # in the window's table
    host: str
    tries: int = 0


class _Fetch:
    """One run over what is not settled yet."""

    _chunks: Chunks  # of the window at work
    _columns: dict[str, pa.Array]  # of its table

    def __init__(self, task: Task, journal: Journal, files: Files) -> None:
        self._task, self._journal, self._files = task, journal, files
        self._bin = windows.Bin(task)
        self._rows = self._bin.rows()
        self._windows = journal.windows or max(1, -(-self._rows // windows.ROWS))
        self._blocked = blocked.of(task)
        self._web: WebSettings = task.params["web"]
        self._queues: HostQueues[_Item] = HostQueues(self._web.politeness, heard=journal.hear)
        self._queues.take_over(self._wishes())  # whoever came before, another attempt, stage or command
        self._backlog = Backlog(BODIES_A_PROCESS * task.cpus)
        self._rng = random.Random()  # only spreads retries in time
        self._lost: Counter[str] = Counter()
        self._kept = 0

    def _wishes(self) -> Mapping[str, Wish]:
        """What hosts asked the attempt before for, or, before the first, those that hand on what they heard."""
        if self._journal.windows is not None:
            return self._journal.wishes
        before = [Journal(here(path)).wishes for path in self._task.params.get("wishes", ())]
        return {host: wish for wishes in before for host, wish in wishes.items()}

    async def run(self) -> None:
        """Until all is settled. Raises Stopped when the task is to stop; what was settled is committed either way.

        An exception that is no Dropped ends it at once, and what is not committed yet is lost.
        """
        connect_to = dict(self._task.session["connect_to"])
        async with (
            ImageVisitor.open(self._web, self._queues, connect_to=connect_to) as visitor,
            Pixels(self._task.params["image"], self._task.cpus) as pixels,
        ):
            visitor.kept = self._files
            for number in range(self._windows):
                await self._window(number, visitor, pixels)
        self._journal.begin(self._windows, self._windows, self._queues.wishes())
        self._task.keep("wishes", self._task.home / NAME)

    async def _window(self, number: int, visitor: ImageVisitor, pixels: Pixels) -> None:
        """One window, and what its chunks hand on."""
        settled = number < self._journal.window
        table = CANDIDATE_SCHEMA.empty_table() if settled else self._bin.window(number, self._windows)
        folder = self._task.home / f"{number:05d}"
        folder.mkdir(exist_ok=True)
        mine, alone = (folder, self._task.attempt, self._task.folder, table), self._journal.alone
        with Chunks.open(*mine, alone) as self._chunks:
            self._lost.update(self._chunks.funnel["fetch"].dropped)
            self._kept += self._chunks.funnel["fetch"].kept
            if not settled:
                self._journal.begin(number, self._windows, self._queues.wishes())
                await self._settle_all(table, visitor, pixels)
        for kind in ("samples", "failures", "losses"):
            for path in getattr(self._chunks, kind):
                self._task.keep(kind, path)
        self._task.funnel.add(self._chunks.funnel)
        del self._chunks  # its table goes before there is another

    async def _settle_all(self, table: pa.Table, visitor: ImageVisitor, pixels: Pixels) -> None:
        self._columns = {name: table.column(name).combine_chunks() for name in _READS}
        self._fill()
        gc.freeze()  # what lies in the queues until its turn need not be looked through each time
        async with asyncio.TaskGroup() as group:
            count = min(self._web.connections, len(self._queues))
            workers = [group.create_task(self._work(visitor, pixels)) for _ in range(count)]
            group.create_task(self._watch(workers))
        gc.unfreeze()
        self._columns.clear()
        self._chunks.commit()
        if len(self._chunks.settled) < table.num_rows:
            raise Stopped

    def _fill(self) -> None:
        for row, (url, id_) in enumerate(zip(self._columns["url"], self._columns["id"], strict=True)):
            if id_.as_py() not in self._chunks.settled:
                host = host_of(url.as_py())
                self._queues.put(host, _Item(row, host))

    async def _work(self, visitor: ImageVisitor, pixels: Pixels) -> None:
        while True:
            await self._backlog.quiet()
            await visitor.room.quiet()
            if (item := await self._queues.take()) is None:
                return
            try:
                await self._settle(item, visitor, pixels)
            finally:
                visitor.room.leave()
                self._queues.release(item.host)

    async def _settle(self, item: _Item, visitor: ImageVisitor, pixels: Pixels) -> None:
        try:
            visit = await visitor.image(self._allowed(item), self._may_lead_to)
            with self._backlog:
                picture = await pixels.process(visit.body, self._columns["extra"][item.row].as_py())
            await self._blocked.check_picture(picture.sha256, picture.phash)
        except Transient as error:
            if not self._again(item, error):
                self._lose(item, error)
        except Dropped as error:
            self._lose(item, error)
        else:
            self._kept += 1
            self._chunks.add_sample(item.row, visit, picture)

    def _allowed(self, item: _Item) -> str:
        """Its address. Raises Forbidden where that, or its page's, is blocked."""
        url: str = self._columns["url"][item.row].as_py()
        for address in (url, self._columns["page_url"][item.row].as_py()):
            self._blocked.check_address(address)
        return url

    def _may_lead_to(self, url: str) -> bool:
        """Of a redirect. Raises Forbidden where its target is blocked."""
        self._blocked.check_address(url)
        return True

    def _again(self, item: _Item, error: Transient) -> bool:
        """Put the item back for another try, if it has one left.

        None is left when it took its time: `wit retry` takes it up again, and this run ends.
        """
        item.tries += 1
        politeness = self._web.politeness
        if item.tries > politeness.retries or error.reason == "timeout":
            return False
        wait = backoff(politeness, item.tries, error.retry_after, self._rng)
        self._queues.put(item.host, item, self._queues.now() + wait)
        return True

    def _lose(self, item: _Item, error: Dropped) -> None:
        self._lost[error.reason] += 1
        self._chunks.add_failure(item.row, error)

    async def _watch(self, workers: list[asyncio.Task[None]]) -> None:
        """Reports progress and commits in time; on the wish to stop, ends the workers where they are."""
        passed = 0.0
        while not all(worker.done() for worker in workers):
            if self._task.stopping():
                for worker in workers:
                    worker.cancel()
                break
            await asyncio.sleep(STOP_S)
            if not self._backlog.bodies:  # all who work wait for slow hosts, or there is no more work
                self._backlog.wake()
            self._chunks.commit_when_due()
            self._journal.sync(self._queues.wishes)
            self._files.sync()
            passed += STOP_S
            if passed >= REPORT_S:
                passed = 0.0
                self._report()
        self._report()

    def _report(self) -> None:
        done = self._kept + self._lost.total()
        counts = {"done": done, "total": self._rows, "kept": self._kept}
        self._task.report(counts | {f"lost {reason}": n for reason, n in self._lost.items()})
