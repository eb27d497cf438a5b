"""Visits at the same time whose bodies share a room (web/room.py)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tests.site.told import Web
from wit_builder.web.politeness import HostQueues
from wit_builder.web.settings import Politeness, WebSettings


def together(
    kind: Any, web: Web, urls: Sequence[str], ask: Callable[[Any, str], Awaitable[bytes]], **settings: Any
) -> tuple[list[int], int]:
    """(sizes of the bodies, most bytes of room that were taken at once). kind: of visitor."""
    politeness = Politeness(host_delay_s=0, ip_delay_s=0)
    web_settings = WebSettings(politeness=politeness, allow_network=("127.0.0.0/8",), **settings)

    async def main() -> tuple[list[int], int]:
        queues: HostQueues[str] = HostQueues(politeness)
        peak = 0

        async def one(visitor: Any, url: str) -> int:
            nonlocal peak
            await queues.take()
            try:
                body = await ask(visitor, url)
                peak = max(peak, visitor.room.taken)
                await asyncio.sleep(0.02)  # it is used
                return len(body)
            finally:
                visitor.room.leave()
                queues.release(url.split("/")[2])

        async with kind.open(web_settings, queues, connect_to=web.connect_to) as visitor:
            for url in urls:
                queues.put(url.split("/")[2], url)
            return await asyncio.gather(*(one(visitor, url) for url in urls)), peak

    return asyncio.run(main())
