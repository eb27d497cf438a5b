"""nanio, which knows no If-None-Match, behind a door that does: `python -m tests.site.creating FOLDER PORT`."""

import asyncio
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import uvicorn
from nanio.app import build_app
from nanio.auth.credentials import EnvCredentialResolver
from nanio.config import Settings

_EXISTS = b"<Error><Code>PreconditionFailed</Code><Message>it exists</Message></Error>"


class Door:
    """An object that is to be created is looked for first; one at a time for each name, as S3 has it."""

    def __init__(self, app: Any, folder: Path) -> None:
        self._app, self._folder = app, folder
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "PUT" or b"if-none-match" not in dict(scope["headers"]):
            await self._app(scope, receive, send)
            return
        name = unquote(scope["path"]).lstrip("/")
        async with self._locks[name]:
            if (self._folder / name).is_file():
                await send({"type": "http.response.start", "status": 412, "headers": []})
                await send({"type": "http.response.body", "body": _EXISTS})
            else:
                await self._app(scope, receive, send)


def main(folder: Path, port: int) -> None:
    app = build_app(Settings(data_dir=folder, region="us-east-1", credentials=EnvCredentialResolver()))
    uvicorn.run(Door(app, folder), host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]))
