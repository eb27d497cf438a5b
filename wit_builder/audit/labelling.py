"""`wit audit label OUT`: a local page that shows pairs one by one, for people to say whether they are one image.

GET /                    the page
GET /next?skip=N         the next pair without a label, those nearest to a threshold first; N: how many to pass over
GET /image/SIDE/NUMBER   a picture of that pair, small; SIDE: set or shard
POST /label              {"number": N, "same": true or false, or null to take it back}

It listens on 127.0.0.1 alone and takes nothing without its token, so that no other page of the browser can label.
Each answer is written down before it is confirmed.
"""

import asyncio
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from aiohttp import web

from wit_builder import build
from wit_builder.audit import labels
from wit_builder.audit.labels import Labels, Pair
from wit_builder.audit.pictures import Pictures
from wit_builder.errors import ConfigError, ImageError
from wit_builder.images.picture import ImageSpec
from wit_builder.images.process import process
from wit_builder.report.page import template

MAX_BODY = 1 << 16  # bytes of a request
SHOWN = ImageSpec(size=512, mode="keep_ratio_largest", quality=90, max_pixels=50_000_000)
_COLUMNS = ("eval_set", "eval_id", "shard", "key", "detector", "similarity")


def pairs(overlap: Path, thresholds: Mapping[tuple[str, str], float]) -> list[dict[str, Any]]:
    """The rows of overlap.parquet in the order in which labels tell most: those nearest to their threshold first.

    thresholds: by set and detector; a detector that has none (equal bytes) needs no labels. Raises ConfigError where
    there is nothing to label.
    """
    try:
        rows = pq.read_table(overlap).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(
            f"{str(overlap)!r} cannot be read: {error}",
            f"wit audit --shards WORD --eval-set SET --out {overlap.parent}",
        ) from error
    found = [row for row in rows if (row["eval_set"], row["detector"]) in thresholds]
    if not found:
        raise ConfigError(f"{str(overlap)!r} holds no pair whose threshold could move")
    far = {id(row): abs(row["similarity"] - thresholds[row["eval_set"], row["detector"]]) for row in found}
    return sorted(
        found, key=lambda row: (round(far[id(row)], 6), row["eval_set"], row["eval_id"], row["rank"])
    )


def serve(
    out: Path,
    found: Sequence[Mapping[str, Any]],
    pictures: Pictures,
    own: Mapping[tuple[str, str], float],
    recall: float,
    port: int,
    say: Callable[[str], None],
) -> Labels:
    """Serve until SIGINT or SIGTERM, and return all labels.

    own: thresholds by set and detector before anybody looked. recall: see Labels. port: 0 for any. say: is told the
    address.

    Raises ConfigError while another command is working on OUT.
    """
    with build.only_one(out):  # a second page would write over these labels
        given = labels.read(out)
        given.recall = recall
        app = application(out, found, pictures, own, given, secrets.token_urlsafe(16))
        asyncio.run(_serve(app, port, say))
    return given


def application(
    out: Path,
    found: Sequence[Mapping[str, Any]],
    pictures: Pictures,
    own: Mapping[tuple[str, str], float],
    given: Labels,
    token: str,
) -> web.Application:
    """The page and what it asks for. own: as for `serve`. given: labels so far, which it changes."""
    known = [Pair(**{name: row[name] for name in _COLUMNS}) for row in found]

    async def page(request: web.Request) -> web.Response:
        shown = template("audit/label.html.j2").render(token=token, pairs=len(known))
        return web.Response(text=shown, content_type="text/html", headers=_HEADERS)

    async def following(request: web.Request) -> web.Response:
        skip = max(0, int(request.query.get("skip", "0")))
        waiting = [number for number, pair in enumerate(known) if pair not in given]
        number = waiting[min(skip, len(waiting) - 1)] if waiting else None
        shown = None if number is None else _shown(found[number]) | {"number": number}
        return web.json_response({"pair": shown, "left": len(waiting), "thresholds": _told(given, own)})

    async def image(request: web.Request) -> web.Response:
        pair = known[int(request.match_info["number"])]
        body = (
            pictures.of_set(pair.eval_set, pair.eval_id)
            if request.match_info["side"] == "set"
            else pictures.of_shard(pair.shard, pair.key)
        )
        try:
            small = await asyncio.to_thread(lambda: process(body, SHOWN).image)
        except ImageError:
            raise web.HTTPNotFound from None
        return web.Response(body=small, content_type="image/jpeg", headers=_HEADERS)

    async def label(request: web.Request) -> web.Response:
        said = await request.json()
        if not secrets.compare_digest(request.headers.get("X-Token", ""), token):
            raise web.HTTPForbidden
        number, same = int(said["number"]), said["same"]
        if number < 0:
            raise web.HTTPBadRequest
        pair = known[number]
        if same is None:
            given.pop(pair, None)
        elif isinstance(same, bool):
            given[pair] = same
        else:
            raise web.HTTPBadRequest
        labels.write(out, given)
        return web.json_response({"labelled": len(given), "thresholds": _told(given, own)})

    app = web.Application(client_max_size=MAX_BODY, middlewares=[_plain_faults])
    app.router.add_get("/", page)
    app.router.add_get("/next", following)
    app.router.add_get("/image/{side:set|shard}/{number:[0-9]{1,9}}", image)
    app.router.add_post("/label", label)
    return app


_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@web.middleware
async def _plain_faults(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    """What is asked for wrongly is refused; other hosts' names for this address are."""
    if request.host.rsplit(":", 1)[0] not in ("127.0.0.1", "localhost"):
        raise web.HTTPForbidden
    try:
        found: web.StreamResponse = await handler(request)
    except (ValueError, KeyError, IndexError, TypeError):
        raise web.HTTPBadRequest from None
    return found


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    names = (*_COLUMNS, "caption", "url", "width", "height", "overlap", "rank", "turn")
    return {name: row.get(name) for name in names}


def _told(given: Labels, own: Mapping[tuple[str, str], float]) -> list[dict[str, Any]]:
    moved = labels.moved(given, own)
    return [
        {"eval_set": name, "detector": detector, "moved": moved[name, detector]} | asdict(one)
        for (name, detector), one in labels.thresholds(given).items()
    ]


async def _serve(app: web.Application, port: int, say: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop.set)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        address = runner.addresses[0]
        say(f"label at http://127.0.0.1:{address[1]}/ (y same, n other, u back, Ctrl-C here when done)")
        await stop.wait()
    finally:
        await runner.cleanup()
