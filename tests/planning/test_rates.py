import json
import math

import pytest

from tests.planning.measured import RATES, rates
from wit_builder.errors import ConfigError
from wit_builder.planning.rates import Interval, Mean, Rates, clopper_pearson


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [  # the table of Clopper and Pearson's limits in any statistics book, four digits
        (5, 10, 0.1871, 0.8129),
        (0, 10, 0.0, 0.3085),
        (10, 10, 0.6915, 1.0),
        (1, 20, 0.0013, 0.2487),
        (637, 1000, 0.6063, 0.6669),
    ],
)
def test_the_share_of_successes_has_its_exact_interval(hits, n, low, high) -> None:
    found = clopper_pearson(hits, n)
    assert (found.value, round(found.low, 4), round(found.high, 4)) == (hits / n, low, high)


def test_of_nothing_nothing_is_known() -> None:
    assert clopper_pearson(0, 0) == Interval(0.0, 0.0, 1.0)


def test_a_mean_is_as_sure_as_its_sample_is_large() -> None:
    few, many = Mean.of([1.0, 3.0]).interval(), Mean.of([1.0, 3.0] * 50).interval()
    assert few.value == many.value == 2.0
    assert (few.high - 2) / (many.high - 2) == pytest.approx(math.sqrt(99))
    assert Mean.of([]).interval() == Interval(0.0, 0.0, 0.0)
    assert Mean.of([0.0, 0.0, 9.0]).interval().low == 0.0


def test_errors_of_a_product_add_up_in_quadrature() -> None:
    assert Interval(10, 7, 13).times(Interval(2, 1.2, 2.8)) == Interval(20, 10, 30)
    assert Interval(10, 0, 20).times(Interval(2, 0, 4)).low == 0.0


def test_a_host_is_asked_again_after_its_delay_or_its_answer_and_the_decoding() -> None:
    measured = rates(latency_s=(0.1, 0.9, 2.0), picture_cpu_s=0.1)
    assert measured.gap(1.0) == pytest.approx((1.0 + 1.0 + 2.1) / 3)
    assert measured.gap(0.0, connections=2) == pytest.approx((0.1 + 0.5 + 1.05) / 3)
    assert rates(latency_s=(), picture_cpu_s=0.0).gap(1.0) == 1.0


def test_a_row_takes_its_requests_and_its_decoding_in_vain_or_not() -> None:
    assert rates(picture_requests=1.5).row_cpu_s() == pytest.approx(1.5 * 0.001 + 0.7 * 0.01)


def test_rates_come_back_from_json_as_they_were() -> None:
    assert Rates.from_json(json.loads(json.dumps(RATES.as_json()))) == RATES


@pytest.mark.parametrize(
    "broken",
    [
        [],
        {},
        RATES.as_json() | {"rows": 0},
        RATES.as_json() | {"rows": 3},
        RATES.as_json() | {"stored": float("nan")},
        RATES.as_json() | {"down": 5},
        RATES.as_json() | {"latency_s": ["fast"]},
        RATES.as_json() | {"lost": {"dns": -1}},
        RATES.as_json() | {"picture_cpu_s": "0.1"},
    ],
)
def test_what_is_no_rates_is_refused_in_a_sentence(broken) -> None:
    with pytest.raises(ConfigError, match="these are no rates of a trial") as refused:
        Rates.from_json(broken)
    assert "--rates plan.json" in str(refused.value.hint)


GIVEN = RATES.as_json()


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({}, "they lack 'rows'"),
        ([], "an object was expected"),
        (GIVEN | {"start_s": "1"}, "start_s is '1', expected a number, 0 or more"),
        (GIVEN | {"start_s": None}, "start_s is None, expected a number, 0 or more"),
        (GIVEN | {"start_s": 10**15}, "start_s is 1000000000000000, expected a number, 0 or more"),
        (GIVEN | {"rows": True}, "rows is True, expected a whole number, 0 or more"),
        (GIVEN | {"rows": 1000.5}, "rows is 1000.5, expected a whole number, 0 or more"),
        (GIVEN | {"lost": {"http_404": 0.5}}, "lost 'http_404' is 0.5, expected a whole number, 0 or more"),
        (GIVEN | {"lost": [1, 2]}, "lost is [1, 2], expected an object"),
        (GIVEN | {"lost": {"dns": 1001}}, "of 1,000 rows 1,001 are lost"),
        (GIVEN | {"address_share": 1.01}, "address_share is 1.01, expected 1 at most"),
        (GIVEN | {"down": {"n": 1, "mean": 2.0}}, "down lacks 'sd'"),
        (GIVEN | {"down": GIVEN["down"] | {"n": 600}}, "down n is 600, expected 1,000"),
        (GIVEN | {"staged": GIVEN["staged"] | {"n": 601}}, "staged n is 601, expected 600"),
        (GIVEN | {"latency_s": "0.1"}, "latency_s is '0.1', expected a list"),
        (GIVEN | {"at": {"a": 1}}, "at is {'a': 1}, expected a text"),
    ],
)
def test_it_says_what_is_amiss_with_them(broken, why) -> None:
    with pytest.raises(ConfigError) as refused:
        Rates.from_json(json.loads(json.dumps(broken)))
    assert str(refused.value) == f"these are no rates of a trial: {why}"
    assert Rates.from_json(json.loads(json.dumps(GIVEN | {"address_share": 1, "start_s": 1}))).start_s == 1
