import math

import numpy as np
import pyarrow as pa
import pytest

from tests.planning import measured
from wit_builder.engine import shuffle
from wit_builder.planning import hosts as hosts_
from wit_builder.planning.hosts import Tally, distinct, has_host, host_array


def test_a_host_is_what_stands_between_scheme_and_path_in_lower_case() -> None:
    urls = [
        "HTTP://A.test:80/x",
        "https://u:p@b.test?q@c",
        "http://[::1]:8/",
        "ftp://c.test/",
        "",
        None,
        "http:///x",
        "http://d e.test/",
        "http://f.test\\x",
        " http://g.test \n",
        "http://[h.test/",
        "http://\u00e4.test/",
    ]
    found = [
        "a.test",
        "b.test",
        "[::1]",
        None,
        None,
        None,
        None,
        None,
        "f.test",
        "g.test",
        None,
        "\u00e4.test",
    ]
    assert host_array(pa.array(urls)).to_pylist() == found
    assert [has_host(url or "") for url in urls] == [host is not None for host in found]


def test_a_whole_list_is_counted_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts_, "_FOLD", 3)
    tally = Tally()
    for part in (["http://a.test/1", "http://b.test/"], ["http://a.test/2", "mailto:x"], ["http://a.test/3"]):
        tally.add([pa.array([url]) for url in part])
    found = tally.hosts()
    assert (found.names, found.counts.tolist(), found.rows, tally.bad) == (
        ("a.test", "b.test"),
        [3.0, 1.0],
        4.0,
        1,
    )
    assert (found.number.low, found.number.value, found.error) == (2.0, 2.0, 0.0)


def test_hosts_beyond_the_heaviest_are_known_by_their_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts_, "HEAVY", 2)
    found = measured.hosts({"a.test": 5, "b.test": 3, "c.test": 2, "d.test": 1})
    assert (found.names, found.rest_hosts, found.rest_rows) == (("a.test", "b.test"), 2.0, 3.0)


def test_hosts_of_one_owner_are_known_as_one_domain() -> None:
    found = measured.hosts({"i.shop.co.uk": 3, "other.co.uk": 2, "shop.co.uk": 1})
    assert found.domains[0] == found.domains[2] != found.domains[1]
    bins = shuffle.partition_of(["shop.co.uk", "other.co.uk", "shop.co.uk"], 1_000)
    assert shuffle.spread(found.domains, 1_000).tolist() == bins.tolist()


def test_a_sample_is_scaled_to_its_list_and_says_how_wrong_it_may_be() -> None:
    parts = measured.zipf(200_000, 100_000)
    tally = Tally()
    for part in parts:
        tally.add([part])
    found, share = tally.hosts(10_000_000), 4.0**-1 / sum((n + 4.0) ** -1 for n in range(200_000))
    assert found.rows == pytest.approx(found.counts.sum() + found.rest_rows)
    assert abs(found.counts[0] / 1e7 - share) <= 1.5 * found.error * share
    assert 0 < found.error < 0.1
    assert found.counts.min() == hosts_.SURE * 100


@pytest.mark.parametrize(("hosts", "rows"), [(50_000, 20_000), (500_000, 20_000), (500_000, 200_000)])
def test_the_number_of_hosts_of_a_longer_list_lies_between_its_bounds(hosts: int, rows: int) -> None:
    weights = (np.arange(1, hosts + 1) + 3.0) ** -1
    longer = 50 * rows
    truth = -np.expm1(longer * np.log1p(-weights / weights.sum())).sum()
    _, counts = np.unique(pa.concat_arrays(measured.zipf(hosts, rows)).to_numpy(False), return_counts=True)
    found = distinct(counts, rows, longer)
    assert found.low < truth < found.high
    assert truth / 3 < found.value < truth * 3


@pytest.mark.parametrize("counts", [[1], [1, 1], [5, 5], [2, 2]])
def test_few_hosts_make_no_estimate_fail(counts) -> None:
    found = distinct(np.array(counts), sum(counts), 1000.0)
    assert len(counts) <= found.low <= found.value <= found.high <= 1000.0


def test_parts_that_differ_make_the_heaviest_host_less_sure() -> None:
    def error(parts) -> float:
        tally = Tally()
        for part in parts:
            tally.add([pa.array([f"http://{host}.test/" for host in part])])
        return tally.hosts(1e6).error

    assert error(["a" * 10 + "b" * 10] * 8) == error(["a" * 80 + "b" * 80])
    assert error(["a" * 20] * 4 + ["b" * 20] * 4) > 0.5
    assert error(["a" * 50 + "b" * 50]) == pytest.approx(1.96 * math.sqrt(0.5 / 50))


@pytest.mark.parametrize("watched", [0, 1])
def test_of_a_host_that_others_outweigh_in_each_part_the_error_is_known(
    monkeypatch: pytest.MonkeyPatch, watched: int
) -> None:
    monkeypatch.setattr(hosts_, "_WATCHED", 2)
    tally = Tally()
    parts = [["z"] * (3 if n < watched else 2) + [f"{n}-{i % 2}" for i in range(5 * 2)] for n in range(6)]
    for part in parts:
        tally.add([pa.array([f"http://{host}.test/" for host in part])])
    found = tally.hosts(1e6)
    assert found.names[0] == "z.test"
    assert found.error == pytest.approx(1.96 * math.sqrt((1 - 0.17) / (12 + watched)), rel=0.02)


@pytest.mark.parametrize(("urls", "told"), [(["a", "a", "a", "b"], ["a"]), (["a", "b"], [])])
def test_a_small_sample_tells_apart_what_it_met_more_than_once(urls, told) -> None:
    tally = Tally()
    tally.add([pa.array([f"http://{host}/" for host in urls])])
    found = tally.hosts(1_000)
    assert list(found.names) == told
    assert found.counts.sum() + found.rest_rows == 1_000


def test_a_part_of_the_list_has_a_part_of_each_hosts_rows() -> None:
    half = measured.hosts({"a.test": 8, "b.test": 2}).scaled(5)
    assert (half.counts.tolist(), half.rows) == ([4.0, 1.0], 5.0)
    assert measured.hosts({"a.test": 8}).scaled(99).rows == 8.0


def test_a_cap_takes_rows_of_the_heavy_alone() -> None:
    capped = measured.hosts({"a.test": 8, "b.test": 2}).capped(3)
    assert (capped.counts.tolist(), capped.rows) == ([3.0, 2.0], 5.0)


def test_without_its_heaviest_host_a_list_has_fewer_rows() -> None:
    left = measured.hosts({"a.test": 8, "b.test": 2}).without(1)
    assert (left.names, left.rows, left.counts.tolist()) == (("b.test",), 2.0, [2.0])
