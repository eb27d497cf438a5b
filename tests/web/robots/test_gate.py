"""Asking for robots.txt: once, again, and what failures mean."""

import asyncio
import contextlib

import pytest

from tests.web.robots.gates import ADDRESS, Clock, FakeHosts, gate, rules, verdict
from wit_builder.errors import FetchError, Forbidden, Gone, Transient
from wit_builder.web.robots import (
    KEEP_S,
    UNREACHABLE_S,
    Answer,
    PerOrigin,
    RobotsAnswer,
    RobotsGate,
)


def test_the_gate_gives_crawl_delay_and_sitemaps() -> None:
    sitemaps = b"Sitemap: /s.xml\nsitemap: HTTP://B.test/s#x\nSitemap: /s.xml\nSitemap: ftp://a.test/\n"
    robots, _ = gate(RobotsAnswer(200, sitemaps + b"User-agent: *\nCrawl-delay: 3"))
    assert robots.sitemaps("http://a.test") == []
    assert asyncio.run(robots.crawl_delay("http://a.test/x")) == 3.0
    assert robots.sitemaps("http://a.test") == ["http://a.test/s.xml", "http://b.test/s"]


@pytest.mark.parametrize("count", [1000, 1001])
def test_at_most_a_thousand_sitemaps_are_kept(count: int) -> None:
    assert len(rules("".join(f"Sitemap: /{n}\n" for n in range(count))).sitemaps) == 1000


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, "robots"),
        (204, "robots"),
        (299, "robots"),
        (199, "robots_unreachable"),
        (301, "robots_unreachable"),
        (400, "allowed"),
        (401, "allowed"),
        (403, "allowed"),
        (404, "allowed"),
        (428, "allowed"),
        (429, "robots_unreachable"),
        (430, "allowed"),
        (499, "allowed"),
        (500, "robots_unreachable"),
        (503, "robots_unreachable"),
    ],
)
def test_a_status_says_whether_the_origin_has_a_wish(status: int, said: str) -> None:
    assert verdict(RobotsAnswer(status, b"User-agent: *\nDisallow: /")) == said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Gone("http_404"), "allowed"),
        (Gone("http_401"), "allowed"),
        (Gone("http_429"), "robots_unreachable"),
        (Gone("http_500"), "robots_unreachable"),
        (Gone("too_many_redirects"), "robots_unreachable"),
        (Transient("timeout"), "robots_unreachable"),
        (Transient("http_429"), "robots_unreachable"),
        (Forbidden("network_refused"), "robots_unreachable"),
    ],
)
def test_an_error_is_no_permission_unless_it_says_that_there_is_no_file(error: FetchError, said: str) -> None:
    assert verdict(error) == said


def refusal(answer: RobotsAnswer | FetchError, path: str) -> str:
    with pytest.raises(FetchError) as caught:
        asyncio.run(gate(answer)[0].check(f"http://a.test{path}"))
    return caught.value.evidence


def test_a_refusal_names_the_rule_that_decided() -> None:
    body = b"User-agent: *\nDisallow: /\nDisallow: /private/*.jpg$\nAllow: /open"
    assert refusal(RobotsAnswer(200, body), "/private/x.jpg") == f"Disallow: /private/*.jpg$ in {ADDRESS}"
    assert refusal(RobotsAnswer(200, body), "/private/x.png") == f"Disallow: / in {ADDRESS}"


@pytest.mark.parametrize(("longer", "named"), [(199, "Disallow: /x"), (200, "one of 201 rules")])
def test_the_rule_is_looked_for_among_the_200_longest(longer: int, named: str) -> None:
    body = "User-agent: *\nDisallow: /x\n" + "".join(f"Disallow: /long{n}\n" for n in range(longer))
    assert refusal(RobotsAnswer(200, body.encode()), "/x") == f"{named} in {ADDRESS}"


def test_an_unreachable_robots_txt_says_why() -> None:
    assert refusal(Transient("timeout", "30 s"), "/x") == f"{ADDRESS}: timeout: 30 s"
    assert refusal(RobotsAnswer(503, b""), "/x") == f"{ADDRESS}: status 503"


def test_an_origin_is_asked_again_after_a_day() -> None:
    clock = Clock()
    robots, hosts = gate(RobotsAnswer(200, b""), clock)
    for passed in (0.0, KEEP_S - 1, 1.0):
        clock.now += passed
        asyncio.run(robots.check("http://a.test/x"))
    assert hosts.asked == [ADDRESS, ADDRESS]


@pytest.mark.parametrize(
    "answer", [Gone("too_many_redirects"), Forbidden("network_refused"), RobotsAnswer(301, b"")]
)
def test_an_unreachable_origin_is_asked_again_after_ten_minutes(answer: RobotsAnswer | FetchError) -> None:
    clock = Clock()
    robots, hosts = gate(answer, clock)
    for passed in (0.0, UNREACHABLE_S - 1, 1.0):
        clock.now += passed
        with pytest.raises(Forbidden, match="robots_unreachable"):
            asyncio.run(robots.check("http://a.test/x"))
    assert hosts.asked == [ADDRESS, ADDRESS]


def test_a_file_that_took_all_its_time_is_not_asked_for_again_as_no_picture_is() -> None:
    clock = Clock()
    robots, hosts = gate(Transient("timeout"), clock)
    for passed in (0.0, UNREACHABLE_S - 1, 1.0):
        clock.now += passed
        with pytest.raises(Forbidden, match="robots_unreachable"):
            asyncio.run(robots.check("http://a.test/x"))
    assert hosts.asked == [ADDRESS, ADDRESS]


@pytest.mark.parametrize("answer", [Transient("connect"), RobotsAnswer(429, b""), RobotsAnswer(500, b"")])
def test_a_failure_that_may_pass_has_three_retries_with_growing_pauses(
    answer: RobotsAnswer | FetchError,
) -> None:
    clock = Clock()
    robots, hosts = gate(answer, clock)
    for n, pause in enumerate((1.0, 2.0, 4.0, UNREACHABLE_S, UNREACHABLE_S), 1):
        for passed in (0.0, pause - 0.25):
            clock.now += passed
            with pytest.raises(Transient if n <= 3 else Forbidden, match="robots_unreachable") as caught:
                asyncio.run(robots.check("http://a.test/x"))
            assert getattr(caught.value, "retry_after", pause) == pause
        assert len(hosts.asked) == n
        clock.now += 0.25


def test_failures_are_counted_anew_after_an_answer() -> None:
    clock = Clock()
    failed = Transient("connect")
    robots, hosts = gate(failed, clock)
    for answer in (failed, failed, RobotsAnswer(200, b""), failed):
        hosts.answers[ADDRESS] = answer
        clock.now += KEEP_S
        with contextlib.suppress(Transient):
            asyncio.run(robots.check("http://a.test/x"))
    with pytest.raises(Transient) as caught:
        asyncio.run(robots.check("http://a.test/x"))
    assert caught.value.retry_after == 1.0


def test_whoever_waits_as_long_as_a_failure_says_has_the_origin_asked_again() -> None:
    clock = Clock()
    robots, hosts = gate(Transient("http_503"), clock)
    with pytest.raises(Transient) as caught:
        asyncio.run(robots.check("http://a.test/x"))
    hosts.answers[ADDRESS] = RobotsAnswer(200, b"")
    clock.now += caught.value.retry_after or 0.0
    asyncio.run(robots.check("http://a.test/x"))
    assert hosts.asked == [ADDRESS, ADDRESS]


def test_scheme_and_port_make_another_origin() -> None:
    origins = ("http://a.test", "https://a.test", "http://a.test:8000")
    hosts = FakeHosts({f"{origin}/robots.txt": RobotsAnswer(404, b"") for origin in origins})
    robots = RobotsGate(hosts, "wit-builder", Clock())
    for origin in (*origins, *origins):
        asyncio.run(robots.check(f"{origin}/x"))
    assert hosts.asked == [f"{origin}/robots.txt" for origin in origins]


def test_a_waiting_crowd_asks_once() -> None:
    robots, hosts = gate(RobotsAnswer(200, b"User-agent: *\nDisallow: /7"))

    async def crowd() -> list[BaseException | None]:
        checks = (robots.check(f"http://a.test/{n}.jpg") for n in range(50))
        return await asyncio.gather(*checks, return_exceptions=True)

    assert [n for n, e in enumerate(asyncio.run(crowd())) if e is not None] == [7]
    assert hosts.asked == [ADDRESS]


def test_a_cancelled_asker_does_not_cancel_the_others() -> None:
    robots, hosts = gate(RobotsAnswer(200, b""))

    async def crowd() -> list[BaseException | None]:
        tasks = [asyncio.create_task(robots.check("http://a.test/x")) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(crowd())
    assert isinstance(first, asyncio.CancelledError)
    assert (others, hosts.asked) == ([None, None], [ADDRESS])


def test_a_question_cut_off_with_its_loop_is_asked_anew() -> None:
    robots, hosts = gate(RobotsAnswer(200, b""))
    hosts.wait = 3600.0

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(robots.check("http://a.test/x"), 0.01)

    asyncio.run(give_up())
    hosts.wait = 0.0
    asyncio.run(robots.check("http://a.test/x"))
    assert hosts.asked == [ADDRESS, ADDRESS]


def test_an_unknown_error_reaches_all_who_wait_and_is_not_kept() -> None:
    robots, hosts = gate(RobotsAnswer(200, b""))
    hosts.answers = {}

    async def crowd() -> list[BaseException | None]:
        return await asyncio.gather(
            *(robots.check("http://a.test/x") for _ in range(2)), return_exceptions=True
        )

    assert [type(e) for e in asyncio.run(crowd())] == [KeyError, KeyError]
    assert [type(e) for e in asyncio.run(crowd())] == [KeyError, KeyError]
    assert hosts.asked == [ADDRESS, ADDRESS]


class Sizes:
    """A question whose answers have the size that the origin's name says."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, origin: str) -> Answer[str]:
        self.asked.append(origin)
        return Answer(origin, KEEP_S, int(origin))


async def ask(answers: PerOrigin[str], *origins: str) -> None:
    for origin in origins:
        assert await answers.get(origin) == origin


def test_the_answers_used_longest_ago_make_room() -> None:
    sizes = Sizes()
    asyncio.run(ask(PerOrigin(sizes, Clock(), max_size=3000), "00", "0", "000", "00", "0000", "00", "0"))
    assert sizes.asked == ["00", "0", "000", "0000", "0"]  # "0" went when "0000" came; "00" was used again


@pytest.mark.parametrize(("size", "asked"), [("1000", 3), ("1001", 4)])
def test_a_large_answer_takes_the_room_of_several(size: str, asked: int) -> None:
    sizes = Sizes()
    asyncio.run(ask(PerOrigin(sizes, Clock(), max_size=4000), "0", "00", size, "0"))
    assert len(sizes.asked) == asked


def test_an_answer_asked_for_again_gives_its_room_back() -> None:
    sizes, clock = Sizes(), Clock()
    answers = PerOrigin(sizes, clock, max_size=2000)
    for _ in range(5):
        asyncio.run(ask(answers, "0", "00"))
        clock.now += KEEP_S
    assert sizes.asked == ["0", "00"] * 5
    assert answers.fresh("0") is None


def test_an_answer_larger_than_all_room_is_used_until_the_next_comes() -> None:
    sizes = Sizes()
    asyncio.run(ask(PerOrigin(sizes, Clock(), max_size=2000), "9999", "9999", "0", "9999"))
    assert sizes.asked == ["9999", "0", "9999"]
