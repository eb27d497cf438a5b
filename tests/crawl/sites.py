"""A web on loopback, every host by name, with a memory; and what a crawl of it gave."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pyarrow.parquet as pq

from wit_builder import mirror
from wit_builder.crawl.crawler import CrawlResult, crawl
from wit_builder.crawl.settings import Crawl
from wit_builder.extract.settings import Extraction
from wit_builder.web.settings import OptOut, Politeness, WebSettings

HASTE = Politeness(host_delay_s=0, ip_delay_s=0, host_connections=8, retries=2, backoff_s=0.01)
WEB = WebSettings(deadline_s=5, politeness=HASTE, allow_network=("127.0.0.0/8",), optout=OptOut(tdmrep=False))
Answers = Mapping[str, bytes | list[bytes]]


def answer(status: int = 200, body: bytes | str = b"", **headers: str) -> bytes:
    """A whole HTTP answer; underscores of header names become dashes."""
    body = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named.setdefault("Content-Length", str(len(body)))
    lines = [f"HTTP/1.1 {status} Words", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def page(*links: str, images: Mapping[str, str] | None = None, more: str = "") -> bytes:
    """A page with links and images (address: alt)."""
    shown = (f'<img src="{src}" alt="{alt}">' for src, alt in (images or {}).items())
    body = "".join([*(f'<a href="{link}">to {link}</a>' for link in links), *shown, more])
    return answer(body=f"<!DOCTYPE html><title>A page</title>{body}", Content_Type="text/html; charset=utf-8")


def redirect(target: str) -> bytes:
    """A redirect to the target."""
    return answer(302, Location=target)


class FakeWeb:
    """Answers by "host/path"; a list gives its answers one after the other, the last for ever; else 404."""

    def __init__(self, answers: Answers) -> None:
        self.answers = dict(answers)
        self.asked: Counter[str] = Counter()  # "host/path", robots.txt left out
        self.rules: Counter[str] = Counter()  # these alone
        self.on_ask: Callable[[str], None] = lambda address: None
        self.delay: Callable[[], float] = lambda: 0.0  # seconds before an answer

    @asynccontextmanager
    async def open(self) -> AsyncIterator[dict[str, str | None]]:
        """Serve on a free port; gives the `connect_to` that leads there."""
        tasks: set[asyncio.Task[Any]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await self._serve(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                pass
            finally:
                tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        try:
            yield {"*": f"127.0.0.1:{server.sockets[0].getsockname()[1]}"}
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @contextmanager
    def served(self) -> Iterator[int]:
        """Serve from a thread, for crawlers in other processes; gives the port."""
        ports: Queue[int] = Queue()
        with asyncio.Runner() as runner:
            loop, stop = runner.get_loop(), asyncio.Event()

            async def main() -> None:
                async with self.open() as connect_to:
                    ports.put(int((connect_to["*"] or "").rpartition(":")[2]))
                    await stop.wait()

            thread = Thread(target=runner.run, args=(main(),), daemon=True)
            thread.start()
            try:
                yield ports.get(timeout=10)
            finally:
                loop.call_soon_threadsafe(stop.set)
                thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := (await reader.readuntil(b"\r\n\r\n")).decode():
            host = next(line[6:] for line in head.split("\r\n") if line.lower().startswith("host: "))
            address = host + head.split(" ", 2)[1]
            if address.endswith("/robots.txt"):
                self.rules[address] += 1
            else:
                self.asked[address] += 1
                self.on_ask(address)
            if delay := self.delay():
                await asyncio.sleep(delay)
            writer.write(self._answer(address))
            await writer.drain()

    def _answer(self, address: str) -> bytes:
        found = self.answers.get(address, answer(404))
        if isinstance(found, list):
            return found[min((self.asked + self.rules)[address], len(found)) - 1]
        return found


class Crawled:
    """One call of `crawl` on a fake web, and what it wrote."""

    def __init__(self, result: CrawlResult, reports: list[dict[str, int]]) -> None:
        self.result = result
        self.reports = reports
        self.candidates = _rows(result.candidate_parts)
        self.losses = _rows(result.loss_parts)

    @property
    def reasons(self) -> dict[str, str]:
        """URL to reason, of the pages lost."""
        return {row["url"]: row["reason"] for row in self.losses if row["stage"] == "pages"}

    @property
    def kept(self) -> int:
        """Pages kept."""
        return self.result.funnel["pages"].kept

    @property
    def images(self) -> set[str]:
        """URLs of the candidates."""
        return {row["url"] for row in self.candidates}

    @property
    def outcome(self) -> tuple[list[Any], list[Any]]:
        """All that must not depend on times or order: candidates without found_at, losses without at."""
        return _timeless(self.candidates, "found_at"), _timeless(self.losses, "at")


def run(
    web: FakeWeb,
    settings: Crawl,
    folder: Path,
    *,
    web_settings: WebSettings = WEB,
    attempt: str = "0000000a",
    stop: Callable[[], bool] = lambda: False,
) -> Crawled:
    """Crawl the fake web."""
    reports: list[dict[str, int]] = []

    async def main() -> CrawlResult:
        async with web.open() as connect_to:
            return await crawl(
                settings,
                web_settings,
                Extraction(),
                folder,
                attempt=attempt,
                stop=stop,
                report=reports.append,
                connect_to=connect_to,
            )

    return Crawled(asyncio.run(main()), reports)


def _rows(paths: list[Path]) -> list[dict[str, Any]]:
    return [row for path in paths for row in pq.read_table(mirror.here(path)).to_pylist()]


def _timeless(rows: list[dict[str, Any]], time: str) -> list[Any]:
    return sorted(repr(sorted((name, value) for name, value in row.items() if name != time)) for row in rows)
