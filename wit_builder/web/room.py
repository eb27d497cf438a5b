"""Bodies in memory together are bounded: each is given room before it is read.

The head of an answer decides: its Content-Length must find room. Where it has none, the body takes room as it
comes, a step at a time, for a server that says nothing and is slow would hold the most that is ever read. When there
is no room, the connection is closed, the visit gives back what it has, waits until there is room for the most, and
asks once more.
"""

import asyncio
from typing import Any

from wit_builder.errors import FetchError
from wit_builder.web.http1 import Admit, Grow, Head

STEP = 1 << 20  # bytes


class NoRoom(FetchError):
    """The body has to wait until there is room for it; nothing is wrong with it."""


class Room:
    """Room for `size` bytes. What is taken belongs to the asyncio task that took it.

    Whatever is at most half of the size finds room sooner or later, if all tasks do `quiet` first.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken = 0  # bytes
        self._held: dict[asyncio.Task[Any] | None, int] = {}
        self._left = asyncio.Event()

    async def quiet(self) -> None:
        """Wait until at most half of the room is taken."""
        while self.taken > self.size // 2:
            await self._leaving()

    def take(self, size: int, task: asyncio.Task[Any] | None = None) -> None:
        """Take so many bytes, in exchange for what the task has. Raises NoRoom; then it keeps what it has.

        task: for whom, by default the current one.
        """
        me = task or asyncio.current_task()
        more = size - self._held.get(me, 0)
        if self.taken + more > self.size:
            raise NoRoom("no_room", f"{size} bytes")
        self._held[me] = size
        self.taken += more

    def gate(self, most: int) -> Admit:
        """Has room taken for an answer to the current task, of whose body so many bytes are ever read.

        What the task has already is kept where the head says no length.
        """
        me = asyncio.current_task()

        def grow(size: int) -> None:
            if size > self._held.get(me, 0):
                self.take(min(-(-size // STEP) * STEP, most), me)

        def admit(head: Head) -> Grow:
            length = announced(head, most)
            if length < most:
                self.take(length, me)
            else:
                grow(1)
            return grow

        return admit

    async def wait_for(self, size: int) -> None:
        """Take so many bytes once they are there."""
        while True:
            try:
                return self.take(size)
            except NoRoom:
                await self._leaving()

    def leave(self) -> None:
        """Give back what the task has."""
        self.taken -= self._held.pop(asyncio.current_task(), 0)
        self._left.set()

    async def _leaving(self) -> None:
        self._left.clear()
        await self._left.wait()


def announced(head: Head, most: int) -> int:
    """Bytes of body that this answer can come to. most: that are ever read."""
    length = head.headers.get("Content-Length", "")
    encoded = head.headers.get("Content-Encoding", "identity").strip().lower() != "identity"
    chunked = "Transfer-Encoding" in head.headers  # which outranks a length
    return most if chunked or encoded or not length.isdecimal() else min(int(length), most)
