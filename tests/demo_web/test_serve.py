"""The demo web on loopback, asked over HTTP."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from PIL import Image

from wit_builder.demo_web import serve
from wit_builder.demo_web.settings import START
from wit_builder.demo_web.web import Web
from wit_builder.errors import BuildError

DEMO = Web(10)
ROOT = Path(__file__).parents[2]


def asked(*urls, seconds=5.0, take=None):
    """What is answered to these requests, one after another: (status, headers, body) or the error's name."""

    async def ask(session, port, url):
        host, _, path = url.removeprefix("http://").partition("/")
        try:
            async with (
                asyncio.timeout(seconds),
                session.get(
                    f"http://127.0.0.1:{port}/{path}", headers={"Host": host}, allow_redirects=False
                ) as answer,
            ):
                return answer.status, answer.headers, await answer.content.read(take or -1)
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__

    async def run():
        runner = web.AppRunner(serve.application(DEMO), access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            answers = [await ask(session, port, url) for url in urls]
        await runner.cleanup()
        return answers

    return asyncio.run(run())


def test_a_page_and_a_picture_come_as_the_web_makes_them():
    url = DEMO.content.figures(0)[0].pair.url
    page, picture = asked(START, url)
    assert page[2] == DEMO.answer(START).body
    assert Image.open(io.BytesIO(picture[2])).size == DEMO.content.figures(0)[0].picture.size


def test_every_page_of_the_truth_that_is_kept_is_there():
    urls = [item.url for item in DEMO.truth() if item.kind == "page" and item.reason is None]
    statuses = [
        answer[0] for answer in asked(*urls, *urls)[len(urls) :]
    ]  # some are there at the second try only
    assert set(statuses) == {200}


def test_unknown_hosts_and_paths_are_not_found():
    assert [answer[0] for answer in asked("http://nobody.demo.test/", START + "x.html")] == [404, 404]


def test_a_redirect_names_its_target():
    (answer,) = asked("http://redirects.demo.test/301.jpg")
    assert (answer[0], answer[1]["Location"]) == (301, "http://redirects.demo.test/301-there.jpg")


def test_the_server_remembers_how_often_it_was_asked():
    url = "http://closed-once.demo.test/picture.jpg"
    first, second, counts = asked(url, url, serve.ASKED)
    assert (first[0], first[1]["Retry-After"], second[0]) == (503, "1", 200)
    assert f'"{url}": 2'.encode() in counts[2]


def test_a_drip_drips():
    assert asked("http://drip-page.demo.test/page.html", seconds=0.2) == ["TimeoutError"]


def test_a_cut_body_ends_before_its_length():
    (answer,) = asked("http://cut-picture.demo.test/picture.jpg")
    assert answer == "ClientPayloadError"


def test_a_hangup_and_rubbish_are_no_http():
    urls = "http://hangup-page.demo.test/page.html", "http://garbled-picture.demo.test/picture.jpg"
    assert asked(*urls) == ["ServerDisconnectedError", "ClientResponseError"]


def test_giant_bodies_announce_themselves_or_do_not():
    announced, endless, packed = asked(
        *(f"http://sizes.demo.test/{n}.html" for n in ("announced", "endless", "packed"))
    )
    assert int(announced[1]["Content-Length"]) == len(announced[2]) > 10 << 20
    assert "Content-Length" not in endless[1]
    assert (len(endless[2]) > 10 << 20, len(packed[2]) < 1 << 20) == (True, True)


def test_who_leaves_before_the_end_of_a_giant_does_no_harm():
    first, second = asked("http://sizes.demo.test/endless.html", START, take=10)
    assert (len(first[2]), second[0]) == (10, 200)


def test_headers_may_repeat():
    (answer,) = asked("http://wishes.demo.test/header-second.html")
    assert answer[1].getall("X-Robots-Tag") == ["otherbot: noindex", "noai"]


def test_addresses_keep_their_percent_signs_and_queries():
    odd = "http://habits.demo.test/odd/gr%C3%B6%C3%9Fe.jpg", "http://habits.demo.test/odd/query.jpg?a=1&b=2"
    assert [answer[0] for answer in asked(*odd)] == [200, 200]


def test_a_child_serves_until_the_block_ends():
    with serve.served(DEMO) as port:
        assert status_through_proxy(port) == 200
    with pytest.raises(OSError):
        status_through_proxy(port)


def status_through_proxy(port):
    """Of the start page, by an absolute request line."""

    async def run():
        async with (
            aiohttp.ClientSession() as session,
            session.get(START, proxy=f"http://127.0.0.1:{port}") as answer,
        ):
            return answer.status

    return asyncio.run(run())


def test_a_child_dies_with_its_parent_even_when_that_is_killed():
    code = (
        "import time; from wit_builder.demo_web import serve; from wit_builder.demo_web.web import Web\n"
        "with serve.served(Web(10)) as port:\n    print(port, flush=True)\n    time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    port = int(parent.stdout.readline())
    assert status_through_proxy(port) == 200
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    wait_until_closed(port, seconds=5.0)


def wait_until_closed(port, seconds):
    ended = time.monotonic() + seconds
    with contextlib.suppress(OSError):
        while time.monotonic() < ended:
            status_through_proxy(port)
            time.sleep(0.05)
        pytest.fail("the child outlives its parent")


def test_a_child_that_does_not_come_up_is_an_error(monkeypatch):
    monkeypatch.setattr(serve.sys, "executable", "/bin/false")
    with pytest.raises(BuildError, match="does not come up"), serve.served(DEMO):
        pass


def test_serving_in_the_foreground_says_how_to_reach_it_and_ends_on_a_signal():
    """Also where this suite was started with the signal ignored, as nohup does."""
    heard = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"from tests.demo_web.test_serve import *; {heard}; serve.serve(DEMO, port=0)"
    command = [sys.executable, "-c", code]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    hint = [run.stderr.readline() for _ in range(4)]
    run.send_signal(signal.SIGINT)
    _, rest = run.communicate(timeout=60)
    assert "curl -x http://127.0.0.1:" in hint[1]
    assert (run.returncode, rest) == (0, "")
