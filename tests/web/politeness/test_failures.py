"""Hosts that fail, and how long is waited before they are asked again."""

import random

import pytest

from tests.web.loopback import VirtualLoop, run_virtual
from tests.web.politeness.queued import Queues, names, worked
from wit_builder.web.politeness import HostQueues, backoff
from wit_builder.web.settings import Politeness


@pytest.mark.parametrize(("failures", "given_up"), [(2, False), (3, True)])
def test_a_host_is_given_up_after_so_many_failures_in_a_row(failures: int, given_up: bool) -> None:
    queues: Queues = HostQueues(Politeness(circuit_failures=3))
    counted = [queues.failed("a.test", "dns") for _ in range(failures)]
    assert counted == list(range(1, failures + 1))
    assert queues.given_up("a.test") == ("dns" if given_up else None)
    assert not queues.given_up("b.test")


@pytest.mark.parametrize(
    ("seconds", "given_up"), [((10.0, 19.9), False), ((10.0, 20.0), True), ((30.0,), True)]
)
def test_a_host_is_given_up_when_its_failures_took_so_long(
    seconds: tuple[float, ...], given_up: bool
) -> None:
    queues: Queues = HostQueues(Politeness(circuit_s=30.0))
    for lost in seconds:
        queues.failed("a.test", "dns", lost)
    assert (queues.given_up("a.test") is not None) is given_up


@pytest.mark.parametrize(
    ("each", "answers", "given_up"), [(5.0, 99, False), (8.0, 9, False), (8.0, 10, True)]
)
def test_a_host_is_given_up_when_its_answers_took_so_long(each: float, answers: int, given_up: bool) -> None:
    queues: Queues = HostQueues(Politeness(circuit_s=30.0, slow_s=5.0))
    for _ in range(answers):
        queues.succeeded("a.test", each)
    assert queues.given_up("a.test") == ("timeout" if given_up else None)


@pytest.mark.parametrize(("quick", "given_up"), [(3, True), (5, False)])
def test_quick_answers_make_up_for_slow_ones(quick: int, given_up: bool) -> None:
    queues: Queues = HostQueues(Politeness(circuit_s=30.0, slow_s=5.0))
    queues.failed("a.test", "dns", 20.0)
    for _ in range(quick):
        queues.succeeded("a.test", 1.0)
    queues.failed("a.test", "dns", 22.0)
    assert (queues.given_up("a.test") is not None) is given_up


def test_an_answer_begins_the_count_anew() -> None:
    queues: Queues = HostQueues(Politeness(circuit_failures=3))
    for failed in (True, True, False, True, True):
        queues.failed("a.test", "dns") if failed else queues.succeeded("a.test")
    assert not queues.given_up("a.test")


def test_the_items_of_a_host_given_up_come_without_delay() -> None:
    def give_up(queues: Queues) -> None:
        queues.penalise("a.test", 50.0)
        queues.put("a.test", "a.test/retry", not_before=99.0)
        queues.failed("a.test", "dns")

    log = worked(*names("a.test", 20), prepare=give_up, circuit_failures=1, workers=1, host_delay_s=9.0)
    assert len(log.starts) == 21
    assert log.starts[0][0] == 50.0  # a crawler would not even pace these


def test_items_put_for_a_host_given_up_are_taken_at_once() -> None:
    async def main(loop: VirtualLoop) -> float:
        queues: Queues = HostQueues(Politeness(circuit_failures=1), loop.time)
        for n in range(20):
            queues.put("a.test", str(n), not_before=10.0 * n)
        await queues.take()
        await queues.pace("a.test")
        queues.failed("a.test", "dns")
        queues.release("a.test")
        while await queues.take() is not None:
            queues.release("a.test")
        return loop.time()

    assert run_virtual(main) == 0.0


def test_failures_of_too_many_hosts_are_forgotten_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wit_builder.web.politeness._MAX_TROUBLES", 2)
    queues: Queues = HostQueues(Politeness())
    counts = [queues.failed(host, "dns") for host in ("a", "b", "c", "c", "b", "a")]
    assert counts == [1, 1, 1, 2, 2, 1]


class Highest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return b


class Lowest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return a


@pytest.mark.parametrize(("tries", "longest"), [(1, 1.0), (2, 2.0), (6, 32.0), (7, 60.0), (10_000, 60.0)])
def test_the_wait_before_a_retry_doubles_up_to_a_minute(tries: int, longest: float) -> None:
    assert backoff(Politeness(), tries, None, Highest()) == longest
    assert backoff(Politeness(), tries, None, Lowest()) == 0.0


@pytest.mark.parametrize(("asked_for", "waited"), [(0.5, 1.0), (90.0, 90.0), (121.0, 120.0), (1e9, 120.0)])
def test_a_retry_waits_as_long_as_the_server_asks_within_reason(asked_for: float, waited: float) -> None:
    assert backoff(Politeness(), 1, asked_for, Highest()) == waited
