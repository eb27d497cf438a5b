import pytest

from tests.planning.measured import hosts, rates
from wit_builder.errors import ConfigError
from wit_builder.planning.estimate import Prices, estimate
from wit_builder.planning.rates import Interval
from wit_builder.planning.simulate import Machines
from wit_builder.web.settings import Politeness

POLITE = Politeness(host_delay_s=1.0, ip_delay_s=0.0)
LIST = hosts({"big.test": 20_000} | {f"h{n}.test": 400 for n in range(50)})  # 40,000 rows
MACHINE = Machines(cores=2)
NO_PRICES = Prices()


def made(pairs=None, prices=NO_PRICES, **changes):
    return estimate(LIST, rates(**changes), pairs, POLITE, MACHINE, prices)


def test_without_a_wish_the_whole_list_is_asked_for() -> None:
    found = made()
    assert found.rows == Interval(40_000, 40_000, 40_000)
    assert (found.pairs.value, round(found.pairs.low), round(found.pairs.high)) == (24_000, 22_755, 25_221)
    assert found.hosts.value == 51


def test_a_number_of_pairs_takes_as_many_rows_as_the_share_says() -> None:
    found = made(6_000)
    assert found.pairs == Interval(6_000, 6_000, 6_000)
    assert (found.rows.value, round(found.rows.low), round(found.rows.high)) == (10_000, 9_516, 10_547)
    assert found.fleets[0].outcome.longest_s == pytest.approx(20_000 / 4, rel=0.01)


@pytest.mark.parametrize(("pairs", "enough"), [(24_000, True), (24_001, False)])
def test_more_pairs_than_the_list_has_are_refused_with_what_it_has(pairs: int, enough: bool) -> None:
    if enough:
        assert made(pairs).rows.value == pytest.approx(40_000)
        return
    with pytest.raises(
        ConfigError, match=r"at most 40,000 rows, of which 24,000 \(22,755 to 25,221\)"
    ) as refused:
        made(pairs)
    assert "--pairs 24000" in str(refused.value.hint)


def test_as_many_pairs_as_the_refusal_names_are_granted() -> None:
    few, measured = hosts({"a.test": 100}), rates(rows=3, lost={"dns": 1})
    with pytest.raises(ConfigError, match="of which 66 ") as refused:
        estimate(few, measured, 67, POLITE, MACHINE)
    assert str(refused.value.hint).startswith("--pairs 66, or --list-rows")
    assert estimate(few, measured, 66, POLITE, MACHINE).pairs.value == 66
    with pytest.raises(ConfigError) as refused:
        estimate(hosts({"a.test": 1}), measured, 1, POLITE, MACHINE)
    assert str(refused.value.hint).startswith("--list-rows")


def test_a_delay_that_there_is_not_cannot_be_shorter() -> None:
    none = Politeness(host_delay_s=0.0, ip_delay_s=0.0)
    changes = estimate(LIST, rates(), None, none, MACHINE).changes
    assert changes
    assert not [change.what for change in changes if "delay" in change.what]


def test_bytes_follow_from_the_pairs_and_their_sample() -> None:
    found = made(6_000)
    assert found.down.value == 10_000 * 60_000  # bodies that become no pair are fetched too
    assert found.down.high - found.down.value == pytest.approx(10_000 * 1.96 * 150_000 / 1_000**0.5)
    assert (found.stored.value, found.scratch.value) == (6_000 * 24_000, 6_000 * 20_000)
    assert found.stored.high - found.stored.value == pytest.approx(found.scratch.high - found.scratch.value)


def test_scratch_is_for_the_pictures_that_wait_for_their_shards() -> None:
    def scratch(window: int | None, pairs: int = 6_000) -> float:
        machine = Machines(cores=2, window=window)
        return estimate(LIST, rates(), pairs, POLITE, machine).scratch.value

    assert scratch(None) == scratch(100_000) == 6_000 * 20_000
    assert scratch(1_000) == pytest.approx(600 * 20_000)


def test_work_is_that_of_rows_and_of_hosts() -> None:
    hours = estimate(LIST, rates(), None, POLITE, Machines(cores=2, window=100_000)).core_hours
    assert hours.value == pytest.approx((40_000 * (0.001 + 0.7 * 0.01) + 51 * 2 * 0.001) / 3600)
    assert hours.low < hours.value < hours.high


def test_a_price_is_there_only_where_somebody_gave_one() -> None:
    found = made()
    assert (found.storing, found.moving, found.fleets[0].price) == (None, None, None)
    priced = made(6_000, Prices(core_hour=0.5, gb_month=10.0, gb_out=100.0))
    assert (priced.storing, priced.moving) == (pytest.approx(1.44), pytest.approx(14.4))
    first = priced.fleets[0]
    assert first.rented == pytest.approx(2 * first.wall_s.value / 3600)
    assert first.price == pytest.approx(0.5 * first.rented)


def test_more_machines_are_no_quicker_than_politeness_and_are_given_back() -> None:
    fleets = made().fleets
    assert [fleet.machines.count for fleet in fleets] == [1, 10, 100, 1_000]
    assert len({fleet.outcome.wall_s for fleet in fleets}) == 1
    assert fleets[1].rented == pytest.approx(fleets[0].rented, rel=0.01)  # there is one task for them all


def test_machines_are_those_that_were_asked_for() -> None:
    found = estimate(LIST, rates(), None, POLITE, MACHINE, NO_PRICES, workers=(2, 7))
    assert [fleet.machines.count for fleet in found.fleets] == [2, 7]


def test_a_fetch_alone_has_no_other_stages() -> None:
    alone = estimate(LIST, rates(), None, POLITE, Machines(cores=2, window=100_000))
    assert (alone.traffic, alone.fleets[0].others, alone.asking) == (None, (), None)
    assert alone.fleets[0].wall_s.value == alone.fleets[0].outcome.wall_s


def test_a_build_is_its_fetch_and_all_other_stages() -> None:
    found = made(6_000, Prices(million_reads=2.0))
    first = found.fleets[0]
    assert first.wall_s.value == pytest.approx(first.outcome.wall_s + sum(it.wall_s for it in first.others))
    assert [it.step.name for it in first.others][:3] == ["collect", "select-judge", "select-unique"]
    assert found.traffic is not None
    assert found.traffic.requests > 6_000  # each picture is a read
    alone = estimate(LIST, rates(), 6_000, POLITE, Machines(cores=2, window=100_000))
    others = sum(it.cpu_s for it in first.others) / 3600
    assert found.core_hours.value - alone.core_hours.value == pytest.approx(others)
    assert others > 0
    assert found.asking == pytest.approx(found.traffic.requests / 1e6 * 2.0)


def test_where_one_host_is_what_one_waits_for_a_cap_and_a_delay_say_what_they_bring() -> None:
    found = made(straggler_s=100.0)
    assert found.without is None or found.without[0] == 1
    capped = found.changes[0]
    assert (capped.what, capped.pairs) == ("at most 10,000 rows of a host", pytest.approx(10_000 * 0.6))
    assert capped.wall_s == pytest.approx(10_000, rel=0.01)
    assert [change.what for change in found.changes[-2:]] == [
        "a delay of 0.5 s, where owners agree",
        "a delay of 0.1 s, where owners agree",
    ]


def test_where_politeness_is_no_limit_nothing_is_said_against_it() -> None:
    found = made(straggler_s=1e6)
    assert (found.changes, found.without) == ((), None)
