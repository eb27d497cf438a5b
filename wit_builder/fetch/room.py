"""Bodies of images in memory are few, and bounded (web/room.py).

256 connections with 25 MiB each would take 6.4 GB. That an image has to be asked for twice is rare, as nobody asks
for another while more than half of the room is taken.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from wit_builder.web.client import Client
from wit_builder.web.http1 import Admit, Grow, Head
from wit_builder.web.politeness import HostQueues
from wit_builder.web.room import NoRoom, Room
from wit_builder.web.settings import WebSettings
from wit_builder.web.visitor import Visit, Visitor

BODY_BYTES = 512 << 20  # in one fetch task: 2,500 pictures of 200 KB


class Backlog:
    """Bodies that are here and not yet pictures: while there are `enough`, nobody asks for another.

    They are still in the processor's cache then when their turn comes; with 256 of them, fetching took a third more
    CPU. Who waits is let go one by one as bodies become pictures, or all at once by `wake`.
    """

    def __init__(self, enough: int) -> None:
        self.bodies = 0
        self._enough = enough
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def quiet(self) -> None:
        """Wait while there are more than enough."""
        if self.bodies > self._enough:
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            await place

    def __enter__(self) -> None:
        """A body has come."""
        self.bodies += 1

    def __exit__(self, *exc_info: object) -> None:
        """It is a picture, or none."""
        self.bodies -= 1
        if self.bodies <= self._enough:
            self.wake(1)

    def wake(self, count: int | None = None) -> None:
        """Let so many go on, by default all."""
        for _ in range(len(self._waiting) if count is None else min(count, len(self._waiting))):
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)


class ImageVisitor(Visitor):
    """A visitor of images, whose bodies together never take more than the room.

    The caller does `room.quiet()` before a visit, and `room.leave()` when it is done with the body.
    """

    def __init__(self, client: Client, queues: HostQueues[Any], settings: WebSettings) -> None:
        super().__init__(client, queues, settings)
        self._most = settings.max_image_bytes
        self.room = Room(max(BODY_BYTES, 2 * self._most))

    async def image(self, url: str, in_scope: Callable[[str], bool] | None = None) -> Visit:
        """As `visit`."""
        try:
            return await self.visit(url, "image", in_scope)
        except NoRoom:
            self.room.leave()
            await self.room.wait_for(self._most)
        return await self.visit(url, "image", in_scope)

    def _image_gate(self) -> Admit:
        take = self.room.gate(self._most)

        def admit(head: Head) -> Grow | None:
            self._admit_image(head)
            return take(head)

        return admit
