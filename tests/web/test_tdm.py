"""What the gate that asks for tdmrep.json makes of the answers."""

import asyncio
import json

import pytest

from wit_builder.errors import FetchError, Forbidden, Gone, Transient
from wit_builder.web.robots import KEEP_S, UNREACHABLE_S, RobotsAnswer
from wit_builder.web.tdm import TdmGate

ADDRESS = "http://a.test/.well-known/tdmrep.json"
RESERVED = b'[{"location": "/a/", "tdm-reservation": 1}]'


class FakeHost:
    """One answer for whatever is asked, and a memory of it."""

    def __init__(self, answer: RobotsAnswer | FetchError) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.now = 1000.0

    async def __call__(self, url: str) -> RobotsAnswer:
        self.asked.append(url)
        await asyncio.sleep(0)
        if isinstance(self.answer, FetchError):
            raise self.answer
        return self.answer

    def clock(self) -> float:
        return self.now


def check(host: FakeHost, *urls: str) -> list[str]:
    """What the gate says of each URL, all asked at once: "" or the error."""
    gate = TdmGate(host, host.clock)

    async def crowd() -> list[BaseException | None]:
        return await asyncio.gather(*(gate.check(url) for url in urls), return_exceptions=True)

    return [str(error or "") for error in asyncio.run(crowd())]


def test_the_gate_refuses_what_the_first_matching_rule_reserves() -> None:
    rules = [
        {"location": "/a/free/", "tdm-reservation": 0},
        {"location": "/a/", "tdm-reservation": 1, "tdm-policy": "http://a.test/p.json"},
        {"location": "/b?x=", "tdm-reservation": 1},
    ]
    host = FakeHost(RobotsAnswer(200, json.dumps(rules).encode()))
    paths = ("/a/x", "/a/free/x", "/b?x=1", "/b")
    assert check(host, *(f"http://a.test{path}" for path in paths)) == [
        f"opt_out_tdmrep: /a/ in {ADDRESS}, policy http://a.test/p.json",
        "",
        f"opt_out_tdmrep: /b?x= in {ADDRESS}",
        "",
    ]
    assert host.asked == [ADDRESS]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 428, 430, 499])
def test_a_file_that_is_not_there_reserves_nothing(status: int) -> None:
    assert check(FakeHost(RobotsAnswer(status, RESERVED)), "http://a.test/a/x") == [""]


def test_a_file_that_the_client_says_is_not_there_reserves_nothing() -> None:
    assert check(FakeHost(Gone("http_404")), "http://a.test/a/x") == [""]


@pytest.mark.parametrize(
    "error",
    [
        Gone("bad_response"),
        Gone("redirect_loop"),
        Gone("http_304"),
        Gone("tls"),
        Forbidden("network_refused"),
    ],
)
def test_an_answer_that_is_none_is_no_permission(error: FetchError) -> None:
    assert check(FakeHost(error), "http://a.test/b") == [f"tdmrep_unreachable: {ADDRESS}: {error.reason}"]


@pytest.mark.parametrize("status", [300, 429, 500, 503])
def test_a_server_that_fails_when_asked_is_no_permission(status: int) -> None:
    assert check(FakeHost(RobotsAnswer(status, RESERVED)), "http://a.test/b") == [
        f"tdmrep_unreachable: {ADDRESS}: status {status}"
    ]


def test_a_question_without_an_answer_says_why() -> None:
    assert check(FakeHost(Transient("timeout", "30 s")), "http://a.test/b") == [
        f"tdmrep_unreachable: {ADDRESS}: timeout: 30 s"
    ]


@pytest.mark.parametrize(
    ("answer", "kept_s", "kind"),
    [
        (RobotsAnswer(200, RESERVED), KEEP_S, Forbidden),
        (Gone("redirect_loop"), UNREACHABLE_S, Forbidden),
        (Transient("dns"), 1.0, Transient),
    ],
)
def test_the_gate_asks_again_when_an_answer_is_too_old(
    answer: RobotsAnswer | FetchError, kept_s: float, kind: type[FetchError]
) -> None:
    host = FakeHost(answer)
    gate = TdmGate(host, host.clock)
    for passed in (0.0, kept_s - 0.25, 0.25):
        host.now += passed
        with pytest.raises(kind):
            asyncio.run(gate.check("http://a.test/a/x"))
    assert host.asked == [ADDRESS, ADDRESS]
