"""nanio behind a door that knows what S3 knows and nanio does not: `python -m tests.site.creating FOLDER PORT`.

A file that is to be created (If-None-Match) is looked for first; a range may end beyond the file, or be its end.
"""

import asyncio
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import uvicorn
from nanio.app import build_app
from nanio.auth.credentials import EnvCredentialResolver
from nanio.config import Settings


class Door:
    """One creation at a time for each name."""

    def __init__(self, app: Any, folder: Path) -> None:
        self._app, self._folder = app, folder
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        file = self._folder / unquote(scope.get("path", "")).lstrip("/")
        if b"if-none-match" in headers and scope["method"] == "PUT":
            async with self._locks[str(file)]:
                if file.is_file():
                    await refuse(send, 412, b"PreconditionFailed")
                else:
                    await self._app(scope, receive, send)
        elif b"range" in headers and scope["method"] == "GET" and file.is_file():
            if (inside := within(headers[b"range"].decode(), file.stat().st_size)) is None:
                await refuse(send, 416, b"InvalidRange")
                return
            scope["headers"] = [*(headers | {b"range": inside.encode()}).items()]
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def within(asked: str, size: int) -> str | None:
    """The range as nanio takes it; None for one without a byte of the file."""
    first, last = re.fullmatch(r"bytes=(\d*)-(\d*)", asked).groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    return f"bytes={start}-{end}" if start <= end else None


async def refuse(send: Any, status: int, code: bytes) -> None:
    body = b"<Error><Code>" + code + b"</Code></Error>"
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


def main(folder: Path, port: int) -> None:
    app = build_app(Settings(data_dir=folder, credentials=EnvCredentialResolver(), auth_disabled=True))
    uvicorn.run(Door(app, folder), host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]))
