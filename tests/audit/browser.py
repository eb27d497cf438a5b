"""A real headless browser, driven over its debugging protocol."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def browser() -> Iterator[str]:
    """The address of its debugging protocol. Skips where there is none, but in CI."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        assert not os.environ.get("CI"), "CI has chromium (.ci/run)"
        pytest.skip("no chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        typed = [path, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        run = subprocess.Popen([*typed, f"--user-data-dir={profile}"], stderr=subprocess.PIPE, text=True)
        try:
            found = next(filter(None, (re.search(r"ws://\S+", line) for line in run.stderr)))
            yield re.sub(r"^ws://([^/]+)/.*", r"http://\1", found[0])
        finally:
            run.kill()
            run.communicate()


class Tab:
    """One page. Use `async with Tab(address, url) as tab`."""

    def __init__(self, address: str, url: str) -> None:
        self._address, self._url, self._numbers = address, url, count(1)

    async def __aenter__(self) -> "Tab":
        self._session = aiohttp.ClientSession()
        async with self._session.put(f"{self._address}/json/new?{self._url}") as answer:
            target = await answer.json()
        self._socket = await self._session.ws_connect(target["webSocketDebuggerUrl"])
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._socket.close()
        await self._session.close()

    async def says(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        found = await self._send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        return found["result"].get("value")

    async def becomes(self, script: str, value: object) -> None:
        """Waits until an expression has that value, 20 s at most."""
        for _ in range(200):
            if (found := await self.says(script)) == value:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{script} is {found!r}, not {value!r}")

    async def press(self, key: str) -> None:
        """A key goes down and up."""
        for kind in ("keyDown", "keyUp"):
            await self._send(
                "Input.dispatchKeyEvent", type=kind, key=key, text=key if kind == "keyDown" else ""
            )

    async def _send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_str(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads((await self._socket.receive(timeout=30)).data)
            if told.get("id") == number:
                return told["result"]
