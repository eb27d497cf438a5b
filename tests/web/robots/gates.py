"""Hosts that answer as told, and what the gate makes of it."""

import asyncio

from wit_builder.errors import FetchError
from wit_builder.web.robots import (
    RobotsAnswer,
    RobotsGate,
    Rules,
    read_rules,
)

ADDRESS = "http://a.test/robots.txt"


class FakeHosts:
    """Answers for addresses, as status, bytes or error, and remembers what was asked."""

    def __init__(self, answers: dict[str, RobotsAnswer | FetchError]) -> None:
        self.answers = answers
        self.wait = 0.0
        self.asked: list[str] = []

    async def __call__(self, url: str) -> RobotsAnswer:
        self.asked.append(url)
        await asyncio.sleep(self.wait)
        answer = self.answers[url]
        if isinstance(answer, FetchError):
            raise answer
        return answer


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def rules(text: str | bytes, agent: str = "wit-builder") -> Rules:
    return read_rules(text if isinstance(text, bytes) else text.encode("utf-8", "replace"), agent, ADDRESS)


def gate(answer: RobotsAnswer | FetchError, clock: Clock | None = None) -> tuple[RobotsGate, FakeHosts]:
    hosts = FakeHosts({ADDRESS: answer})
    return RobotsGate(hosts, "wit-builder", clock or Clock()), hosts


def verdict(answer: RobotsAnswer | FetchError, url: str = "http://a.test/x") -> str:
    """ "allowed", or the reason."""
    try:
        asyncio.run(gate(answer)[0].check(url))
    except FetchError as error:
        return error.reason
    return "allowed"
