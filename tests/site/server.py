"""A folder of hosts served on loopback, each folder under its own host name; asks are remembered."""

import json
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from aiohttp import web

from tests.site.serving import serving


@contextmanager
def served(hosts: Path, headers: dict[str, dict[str, str]] | None = None) -> Iterator[int]:
    """The port on 127.0.0.1 where the folders below `hosts` are served; `headers` by file below hosts."""
    app = web.Application()
    app.router.add_get("/{path:.*}", _answer(hosts, headers or {}))
    with serving(app) as port:
        yield port


def _answer(hosts: Path, headers: dict[str, dict[str, str]]):
    async def answer(request: web.Request) -> web.StreamResponse:
        host = request.host.partition(":")[0]
        path = (hosts / host / unquote(request.raw_path.partition("?")[0]).lstrip("/")).resolve()
        if not path.is_relative_to(hosts.resolve()):
            raise web.HTTPForbidden
        if path.is_dir():
            if not request.path.endswith("/"):
                raise web.HTTPMovedPermanently(request.path + "/")
            path = path / "index.html"
        if not path.is_file():
            raise web.HTTPNotFound
        own = headers.get(str(path.relative_to(hosts.resolve())), {})
        sent = {"Content-Type": own.get("content-type") or _guess(path)}
        return web.Response(body=path.read_bytes(), headers=sent)

    return answer


def _guess(path: Path) -> str:
    if path.suffix in (".xhtml", ".shtml"):
        return "application/xhtml+xml" if path.suffix == ".xhtml" else "text/html"
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def load_headers(path: Path) -> dict[str, dict[str, str]]:
    """The headers.json of the shared sites."""
    loaded: dict[str, dict[str, str]] = json.loads(path.read_text())
    return loaded
