from collections import Counter
from contextlib import closing

import pytest

from tests.fetch.pairs import candidate
from tests.site.told import Say, picture, told
from wit_builder.engine.local import LocalExecutor
from wit_builder.images.picture import ImageSpec
from wit_builder.planning.trial import _straggler, try_rows
from wit_builder.web.settings import Politeness, WebSettings
from wit_builder.web.visitor import Asked, overhear

POLITE = Politeness(host_delay_s=0.0, ip_delay_s=0.0, backoff_s=0.01, retries=1)


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """Rates and failures of six rows at three hosts."""
    folder = tmp_path_factory.mktemp("trial")
    urls = [f"http://{host}.test/{n}.png" for host in "abc" for n in range(2)]
    with told() as web, closing(LocalExecutor(1)) as executor:
        web.answers = {url: Say(picture(n), wait=0.05) for n, url in enumerate(urls[:3])}
        web.answers |= {urls[3]: [Say(status=503), Say(picture(3))], urls[4]: Say(picture(4)[:200])}
        settings = WebSettings(politeness=POLITE, allow_network=("127.0.0.0/8",))
        rows = [candidate(url) for url in urls]
        yield try_rows(rows, settings, ImageSpec(), executor, folder, web.connect_to, lambda *_: None)


def test_rows_are_counted_as_pairs_or_by_reason(tried) -> None:
    rates, failures = tried
    assert (rates.rows, rates.pairs, rates.lost) == (6, 4, {"decode_error": 1, "http_404": 1})
    assert failures == {"c.test": {"decode_error": 1, "http_404": 1}}


def test_bytes_are_those_of_the_pairs_and_of_bodies_that_became_none(tried) -> None:
    rates, _ = tried
    bodies = [len(picture(n)) for n in range(4)] + [200]
    assert (rates.down.n, rates.down.mean) == (6, pytest.approx(sum(bodies) / 6))
    assert rates.pixels.mean == 96 * 96
    assert rates.stored > rates.staged.mean + 3 * 512  # three members, with text and JSON


def test_requests_for_pictures_and_for_rules_are_told_apart(tried) -> None:
    rates, _ = tried
    assert rates.picture_requests == pytest.approx(7 / 6)  # one was tried twice
    assert rates.rule_requests == 2.0
    assert rates.address_share == 1.0


def test_seconds_are_measured(tried) -> None:
    rates, _ = tried
    assert sorted(rates.latency_s)[-3] >= 0.05
    assert len(rates.latency_s) == 7
    assert rates.straggler_s >= 0.05
    assert 0 < rates.request_cpu_s < 0.1
    assert 0 <= rates.picture_cpu_s < 1
    assert rates.start_s > 0


def test_nobody_hears_of_requests_who_did_not_ask() -> None:
    overhear.get()(Asked("http://a.test/", 0.0, 1.0, "", "dns"))


def test_the_tries_of_one_address_and_what_lies_between_are_one_wait() -> None:
    asked = [("a", 0.0, 2.0), ("b", 1.0, 3.0), ("a", 5.0, 1.5)]
    made = [Asked(url, began, seconds, "", "") for url, began, seconds in asked]
    assert _straggler(made, Counter("ab")) == 6.5
    assert _straggler([], Counter()) == 0.0


def test_rows_of_one_address_and_where_they_are_redirected_to_do_not_wait_for_each_other() -> None:
    robots = "http://a.test/robots.txt"
    asked = [("a", 0.0, 2.0), ("a", 5.0, 1.5), ("b", 7.0, 0.1), ("there", 8.0, 1.0), ("there", 20.0, 1.0)]
    made = [Asked(url, began, seconds, "", "") for url, began, seconds in asked]
    assert _straggler(made, Counter("aab")) == 2.0
    rules = [Asked(robots, began, 1.0, "", "") for began in (0.0, 3.0)]
    assert _straggler(made + rules, Counter("aab")) == 4.0
