"""Puts the demo web onto the wire: in the foreground, or in a child process for as long as a build runs.

All hosts are one server, told apart by the Host header (or an absolute request line, as a proxy gets it).
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import hdrs, web

import wit_builder
from wit_builder.demo_web.answers import Answer
from wit_builder.demo_web.settings import DemoWeb
from wit_builder.demo_web.web import Web
from wit_builder.errors import BuildError

ASKED = "http://control.demo.test/asked.json"  # how often each exhibit's address was asked for

_START_S = 30.0  # until a child listens; importing and building the museum take 0.5 s
_WATCH_S = 0.5  # how often a child looks whether its parent lives
_DRIP_S = 0.5
_DRIPS = 1200  # ten minutes, longer than anybody's patience
_MAX_REMEMBERED = 10_000  # addresses whose requests are counted
_PIECES = 16  # of a repeated body that are sent at once


def serve(demo: Web, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve until SIGINT or SIGTERM; says on stderr how to reach the hosts."""
    asyncio.run(_serve(demo, host, port, lambda bound: print(_hint(demo, host, bound), file=sys.stderr)))


@contextmanager
def served(demo: DemoWeb) -> Iterator[int]:
    """Serves in a child process, which listens on the port given when this returns.

    The child ends with the block, and with its parent however that ends. Raises BuildError when it does not
    come up within 30 s.
    """
    command = [sys.executable, "-m", "wit_builder.demo_web", str(demo.pages), str(demo.seed)]
    command += [str(int(demo.exhibits)), str(os.getpid())]
    root = str(Path(wit_builder.__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    try:
        yield _port_of(child)
    finally:
        child.terminate()
        try:
            child.wait(5.0)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        assert child.stdout
        child.stdout.close()


def application(demo: Web) -> web.Application:
    """All hosts as one aiohttp application. It counts the requests for exhibits, and nothing else."""
    asked: Counter[str] = Counter()

    async def handle(request: web.Request) -> web.StreamResponse:
        url = _url(request)
        if url == ASKED:
            return web.json_response(asked)
        if url in asked or len(asked) < _MAX_REMEMBERED:
            asked[url] += 1
        return await _send(request, await _answer(demo, url, asked[url] or 1))

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    return app


async def _answer(demo: Web, url: str, asked: int) -> Answer:
    """Pages at once; pictures in a thread, so that pages do not wait behind them."""
    if url.endswith((".html", "/")):
        return demo.answer(url, asked)
    return await asyncio.get_running_loop().run_in_executor(None, demo.answer, url, asked)


def run_child(demo: Web, parent: int) -> None:
    """What the child process runs: prints its port, and ends when its parent is another one."""
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is the parent's to handle; it ends us when it is done
    asyncio.run(_serve(demo, "127.0.0.1", 0, lambda port: print(port, flush=True)))


async def _serve(demo: Web, host: str, port: int, ready: Callable[[int], None]) -> None:
    runner = web.AppRunner(application(demo), access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1024)
        await site.start()
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, ended.set)
        ready(runner.addresses[0][1])
        await ended.wait()
    finally:
        await runner.cleanup()


def _url(request: web.Request) -> str:
    """The address that was asked for, spelt as it was sent."""
    target = request.raw_path
    if target.startswith("http://"):
        return target
    return f"http://{request.headers.get(hdrs.HOST, '').lower().removesuffix(':80')}{target}"


async def _send(request: web.Request, answer: Answer) -> web.StreamResponse:
    if answer.manner in ("garbled", "hangup"):
        return _break(request, answer.body)
    if answer.manner == "plain" and answer.repeat == 1:
        response = web.Response(status=answer.status, body=answer.body)
        _label(response, answer)
        return response
    stream = web.StreamResponse(status=answer.status)
    _label(stream, answer)
    if answer.manner != "chunked":
        announced = len(answer.body) * answer.repeat
        stream.content_length = {"drip": _DRIPS, "cut": announced + 1000}.get(answer.manner, announced)
    try:
        await stream.prepare(request)
        if answer.manner == "drip":
            await _drip(stream, answer.body)
        else:
            await _pour(stream, answer)
    except ConnectionError:
        return stream  # whoever asked has had enough
    if answer.manner == "cut":
        _break(request, b"")
    return stream


def _label(response: web.StreamResponse, answer: Answer) -> None:
    response.headers[hdrs.CONTENT_TYPE] = answer.content_type
    for name, value in answer.headers:
        response.headers.add(name, value)


async def _drip(stream: web.StreamResponse, byte: bytes) -> None:
    for _ in range(_DRIPS):
        await stream.write(byte)
        await asyncio.sleep(_DRIP_S)


async def _pour(stream: web.StreamResponse, answer: Answer) -> None:
    left = answer.repeat
    while left > 0:
        count = min(left, _PIECES)
        await stream.write(answer.body * count)
        left -= count


def _break(request: web.Request, last: bytes) -> web.StreamResponse:
    """Write these bytes as they are, and close the connection under the request."""
    assert request.transport
    if last:
        request.transport.write(last)
    request.transport.close()
    return web.Response()  # goes nowhere


def _port_of(child: "subprocess.Popen[str]") -> int:
    """The port the child says it listens on."""
    timer = threading.Timer(_START_S, child.kill)
    timer.start()
    try:
        assert child.stdout
        line = child.stdout.readline()
    finally:
        timer.cancel()
    if not line.strip().isdecimal():
        raise BuildError("the demo web does not come up", "python -m wit_builder demo-web --port 0 says why")
    return int(line)


def _die_with(parent: int) -> None:
    """End this process when its parent has ended, however it did: orphans get another one."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os._exit(1)


def _hint(demo: DemoWeb, host: str, port: int) -> str:
    routes = json.dumps(demo.connect_to(port)).replace("127.0.0.1", host)
    return (
        f"the demo web, {demo.pages} content pages, listens on {host}:{port} for all hosts of *.demo.test\n"
        f"  curl -x http://{host}:{port} {demo.seeds[0]}\n"
        f"  routes: {routes}\n"
        "Ctrl-C ends it"
    )
