import asyncio
import heapq
import time
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from tests.fetch.pairs import candidate
from tests.planning.measured import hosts, rates
from tests.site.told import Say, picture, told
from tests.web.loopback import run_virtual
from wit_builder.curation import sites
from wit_builder.engine import local, shuffle
from wit_builder.engine.local import LocalExecutor, Needs
from wit_builder.engine.stage import number, run_stage
from wit_builder.engine.task import Done
from wit_builder.images.picture import ImageSpec
from wit_builder.planning import simulate as simulate_
from wit_builder.planning.hosts import Hosts
from wit_builder.planning.rates import Interval
from wit_builder.planning.simulate import Machines, simulate, without_heaviest
from wit_builder.planning.trial import try_rows
from wit_builder.records import CANDIDATE_SCHEMA, to_table
from wit_builder.road import write_session
from wit_builder.web.politeness import HostQueues
from wit_builder.web.settings import Politeness, WebSettings

POLITE = Politeness(host_delay_s=1.0, ip_delay_s=0.0)
QUICK = {"latency_s": (0.25,), "picture_cpu_s": 0.0}
ONE = Machines(cores=4)


def spread(rows: float, hosts: float) -> Hosts:
    """Rows spread evenly over hosts none of which is told apart."""
    none = np.array([])
    return Hosts(
        rows, int(rows), (), none, none.astype(np.uint64), hosts, rows, Interval(hosts, hosts, hosts), 0.0
    )


def test_a_host_is_a_chain_of_requests_a_delay_apart() -> None:
    out = simulate(hosts({"a.test": 10, "b.test": 4}), rates(**QUICK), POLITE, ONE)
    assert out.wall_s == out.longest_s == (2 + 10 - 1) * 1.0 + 0.25
    assert (out.bound, out.longest, out.tasks) == ("politeness", "a.test", 1)


def test_a_host_that_answers_slower_than_its_delay_is_as_slow_as_its_answers() -> None:
    out = simulate(hosts({"a.test": 10}), rates(latency_s=(3.0,), picture_cpu_s=0.0), POLITE, ONE)
    assert out.wall_s == 11 * 3.0 + 3.0
    two = replace(POLITE, host_connections=2)
    assert (
        simulate(hosts({"a.test": 10}), rates(latency_s=(3.0,), picture_cpu_s=0.0), two, ONE).wall_s == 19.5
    )


def test_hosts_of_one_domain_share_its_delay_where_it_has_one() -> None:
    both = hosts({"a.shop.test": 10, "b.shop.test": 10, "c.test": 10})
    shared = replace(POLITE, domain_delay_s=1.0)
    assert simulate(both, rates(**QUICK), POLITE, ONE).wall_s == 11.25
    assert simulate(both, rates(**QUICK), shared, ONE).wall_s == pytest.approx(2 * 11.25)


def test_hosts_of_one_address_share_its_delay() -> None:
    at_one = rates(**QUICK, address_share=0.5)
    out = simulate(spread(1000, 100), at_one, replace(POLITE, ip_delay_s=0.1), ONE)
    assert (out.bound, out.alone["address"]) == ("address", pytest.approx(1200 * 0.5 * 0.1))


def test_a_connection_is_held_while_it_waits_and_while_a_new_host_is_asked_for_its_rules() -> None:
    out = simulate(spread(10_000, 1_000), rates(), POLITE, replace(ONE, connections=10))
    assert (out.bound, out.wall_s) == ("connections", pytest.approx((12_000 * 0.5 + 2_000 * 1.0) / 10))


def test_cores_share_the_work() -> None:
    work = spread(100_000, 10_000)
    two, eight = (simulate(work, rates(), POLITE, Machines(cores=n, connections=10**6)) for n in (2, 8))
    assert (two.bound, two.wall_s) == ("cores", pytest.approx((100_000 * 0.008 + 20_000 * 0.001) / 2))
    assert eight.wall_s == pytest.approx(two.wall_s / 2)  # one task at a time has four of them


def test_bandwidth_is_shared_by_the_tasks_of_a_machine() -> None:
    slow = Machines(cores=4, connections=10**6, bandwidth=8e6)
    out = simulate(spread(100_000, 10_000), rates(), POLITE, slow)
    assert (out.bound, out.wall_s) == ("bandwidth", pytest.approx(100_000 * 60_000 / 1e6))


@pytest.mark.parametrize("cores", [2, 4, 16])
@pytest.mark.parametrize("window", [None, 100_000])
def test_a_lone_task_and_a_window_have_the_machines_line_to_themselves(
    cores: int, window: int | None
) -> None:
    slow = Machines(cores=cores, connections=10**6, bandwidth=8e6, window=window)
    out = simulate(spread(100_000, 10_000), rates(), POLITE, slow)
    assert out.alone["bandwidth"] == pytest.approx(100_000 * 60_000 / 1e6)


def test_machines_without_a_row_are_given_back() -> None:
    lone = rates(straggler_s=10.0, rule_requests=0.0)
    out = simulate(hosts({"a.test": 1}), lone, POLITE, replace(ONE, window=100, count=1_000))
    assert (out.wall_s, out.rented_s) == (10.0, 10.0)


def test_a_task_is_never_quicker_than_the_slowest_answer() -> None:
    out = simulate(spread(10, 10), rates(straggler_s=120.0, start_s=0.5), POLITE, ONE)
    assert (out.bound, out.wall_s) == ("straggler", 122.5)


def test_hosts_that_are_not_told_apart_are_chains_too() -> None:
    assert simulate(spread(1_000, 10), rates(**QUICK), POLITE, ONE).wall_s == 101.25
    assert simulate(spread(1_000, 10), rates(**QUICK), POLITE, replace(ONE, window=100)).wall_s == 10 * 11.25


def test_tasks_wait_for_a_slot_and_more_machines_have_more_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate_, "ROWS_PER_BIN", 100)
    work = spread(1_000, 500)
    walls = [
        simulate(work, rates(straggler_s=10.0), Politeness(host_delay_s=0), Machines(cores=c, count=n)).wall_s
        for c, n in ((4, 1), (8, 1), (4, 3), (4, 10), (4, 1000))
    ]
    assert walls == [100.0, 50.0, 40.0, 10.0, 10.0]


def test_a_host_with_rows_in_each_window_waits_no_longer_for_being_cut_up() -> None:
    listed = hosts({"a.test": 10_000, "b.test": 100})
    windows = simulate(listed, rates(**QUICK), POLITE, replace(ONE, window=1_010))
    assert windows.tasks == 10
    assert windows.wall_s == pytest.approx(
        10_000 + 10 * (2 - 1 + 0.25), rel=0.03
    )  # rules are asked for in each


def test_where_hosts_are_even_each_window_waits_for_another_one() -> None:
    listed = hosts({f"h{n}.test": 100 for n in range(200)})
    whole = simulate(listed, rates(**QUICK), POLITE, replace(ONE, window=20_000))
    windows = simulate(listed, rates(**QUICK), POLITE, replace(ONE, window=1_000))
    assert whole.wall_s == 101.25
    assert 20 * (2 + 10) < windows.wall_s < 20 * (2 + 17)  # the most of 200 hosts that have 5 rows each


def test_many_machines_have_hosts_of_their_own() -> None:
    listed = hosts({f"h{n}.test": 100 for n in range(2_000)})
    lone = rates(**QUICK, straggler_s=50.0)
    walls = [
        simulate(listed, lone, POLITE, replace(ONE, window=10_000, count=n)).wall_s for n in (1, 10, 1_000)
    ]
    assert walls[0] == 20 * 52.0
    assert 2 * 52.0 <= walls[1] < 4 * 52.0
    assert walls[2] == 101.25


def test_without_its_heaviest_hosts_something_else_is_the_limit() -> None:
    heavy = hosts({"a.test": 1000, "b.test": 900} | {f"h{n}.test": 3 for n in range(20)})
    measured = rates(**QUICK, straggler_s=60.0)
    assert without_heaviest(heavy, measured, POLITE, ONE) == (2, 62.0)
    even = hosts({f"h{n}.test": 100 for n in range(200)})
    assert without_heaviest(even, rates(**QUICK), POLITE, ONE) is None


def test_five_billion_rows_are_simulated_in_seconds() -> None:
    counts = 5e8 / np.arange(4.0, 50_004.0)
    number = Interval(3e7, 2e7, 5e7)
    huge = Hosts(
        5e9,
        5_000_000,
        tuple(map(str, range(50_000))),
        counts,
        np.arange(50_000, dtype=np.uint64),
        3e7,
        5e9 - counts.sum(),
        number,
        0.1,
    )
    began = time.monotonic()
    out = simulate(huge, rates(), POLITE, Machines(cores=64, count=100))
    assert time.monotonic() - began < 5
    assert (out.tasks, out.longest) == (2_500, "0")
    assert out.wall_s >= out.longest_s == pytest.approx(5e8 / 4, rel=0.01)


@pytest.mark.parametrize(
    ("wait", "domain_delay", "within"),
    [
        (0.0, 0.0, 0.02),
        (0.3, 0.0, 0.02),
        (0.0, 0.2, 0.02),
        (0.0, 0.1, 0.15),
    ],  # the last: hosts get in each other's way
)
def test_the_simulation_takes_as_long_as_the_queues_that_keep_politeness(wait, domain_delay, within) -> None:
    counts = {f"h{n}.shop{n % 7}.test": max(1, int(300 / (n + 1) ** 0.9)) for n in range(40)}
    polite = Politeness(host_delay_s=0.2, domain_delay_s=domain_delay, ip_delay_s=0.0)
    passed = run_virtual(lambda loop: polite_fetch(counts, polite, wait, loop))
    measured = rates(latency_s=(wait,), picture_cpu_s=0.0)
    assert simulate(hosts(counts), measured, polite, ONE).wall_s == pytest.approx(passed, rel=within)


async def polite_fetch(counts, polite, wait, loop) -> float:
    """Seconds that the queues take over these hosts, each asked for two files and then its pictures."""
    queues = HostQueues(polite, loop.time)
    for host, count in counts.items():
        for n in range(count):
            queues.put(host, (host, 3 if n == 0 else 1))

    async def work() -> None:
        while (item := await queues.take()) is not None:
            for _ in range(item[1]):
                await queues.pace(item[0])
                await asyncio.sleep(wait)
            queues.release(item[0])

    await asyncio.gather(*(work() for _ in range(256)))
    return loop.time()


@pytest.mark.parametrize(
    ("bins", "cores", "count"), [(1, 4, 1), (9, 4, 1), (9, 8, 3), (40, 4, 7), (40, 8, 100)]
)
def test_the_simulation_of_many_machines_is_what_each_request_by_itself_gives(
    bins: int, cores: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {f"h{n}.test": max(1, int(400 / (n + 1) ** 0.8)) for n in range(150)}
    monkeypatch.setattr(simulate_, "ROWS_PER_BIN", -(-sum(counts.values()) // bins))
    machines = Machines(cores=cores, count=count)
    out = simulate(hosts(counts), rates(**QUICK), POLITE, machines)
    ends = each_request(counts, bins, machines.count * machines.tasks)
    assert out.wall_s == pytest.approx(max(ends))
    of_machine = [max(ends[n : n + machines.tasks]) for n in range(0, len(ends), machines.tasks)]
    assert out.rented_s == pytest.approx(sum(of_machine))


def each_request(counts: dict[str, int], bins: int, slots: int) -> list[float]:
    """When each slot is done, of hosts that are asked for two rules and then for each picture, a second apart."""
    bin_of = shuffle.partition_of(counts, bins).tolist()
    todo = [[host for host, of in zip(counts, bin_of, strict=True) if of == bin_] for bin_ in range(bins)]
    ends, left = [0.0] * slots, [0] * slots
    asks = [(0.0, slot, 0) for slot in range(slots)]  # when, by which slot, how many more of that host
    while asks:
        now, slot, more = heapq.heappop(asks)
        if more:
            heapq.heappush(asks, (now + 1.0, slot, more - 1))
            continue
        left[slot] -= 1  # a host is done; the answer to its last request comes
        ends[slot] = max(ends[slot], now + 0.25 if left[slot] >= 0 else 0.0)
        if left[slot] <= 0 and todo:
            begin, some = ends[slot], todo.pop(0)
            left[slot] = max(1, len(some))
            for host in some:
                heapq.heappush(asks, (begin, slot, 2 + counts[host] - 1))
    return ends


@pytest.mark.slow
@pytest.mark.parametrize("wait", [0.0, 0.25])  # seconds of an answer
def test_the_simulation_takes_as_long_as_a_real_fetch(wait: float, tmp_path) -> None:
    counts = {f"h{n}.test": max(1, int(60 / (n + 1) ** 0.9)) for n in range(30)}
    urls = [f"http://{host}/{n}.png" for host, count in counts.items() for n in range(count)]
    polite = Politeness(host_delay_s=0.2, ip_delay_s=0.0)
    web = WebSettings(politeness=polite, allow_network=("127.0.0.0/8",))
    with told() as site, closing(LocalExecutor(2)) as executor:
        site.answers = {url: Say(picture(n % 20), wait=wait) for n, url in enumerate(urls)}

        def fetched(some, name):
            (tmp_path / name).mkdir()
            rows = [candidate(url) for url in some]
            made = try_rows(
                rows, web, ImageSpec(), executor, tmp_path / name, site.connect_to, lambda *_: None
            )
            return made[0], Done.read(tmp_path / name / "fetch" / "done" / "00000.json").seconds

        measured, _ = fetched(urls[::4], "trial")
        predicted = simulate(hosts(counts), measured, polite, Machines(cores=2)).wall_s
        for attempt in range(3):  # whatever else the machine does makes it slower, never quicker
            _, seconds = fetched(urls, str(attempt))
            if seconds - measured.start_s < 1.2 * predicted:  # it starts one process to measure that
                break
    assert seconds - measured.start_s == pytest.approx(predicted, rel=0.2)


@pytest.mark.slow
def test_the_simulation_takes_as_long_as_a_real_fetch_of_many_bins_by_several_workers(
    tmp_path, monkeypatch
) -> None:
    counts = {f"h{n}.test": max(1, int(30 / (n + 1) ** 0.9)) for n in range(30)}
    urls = [f"http://{host}/{n}.png" for host, count in counts.items() for n in range(count)]
    bins, workers = 6, 2
    polite = Politeness(host_delay_s=0.6, ip_delay_s=0.0)
    web = WebSettings(politeness=polite, allow_network=("127.0.0.0/8",))
    monkeypatch.setattr(simulate_, "ROWS_PER_BIN", -(-len(urls) // bins))
    for where in (simulate_, local):  # a task of its own for each worker, with one process for its pixels
        monkeypatch.setattr(where, "io_tasks", lambda workers: workers)
    with told() as site, closing(LocalExecutor(workers)) as executor:
        site.answers = {url: Say(picture(n % 20)) for n, url in enumerate(urls)}
        (tmp_path / "trial").mkdir()
        rows = [candidate(url) for url in urls]
        reach = site.connect_to
        measured, _ = try_rows(
            rows[::4], web, ImageSpec(), executor, tmp_path / "trial", reach, lambda *_: None
        )
        predicted = simulate(hosts(counts), measured, polite, Machines(cores=workers))
        for attempt in range(3):  # whatever else the machine does makes it slower, never quicker
            seconds = fetched_in_bins(tmp_path / str(attempt), rows, bins, web, executor, reach)
            if seconds < 1.2 * predicted.wall_s:
                break
    assert (predicted.tasks, predicted.bound) == (bins, "politeness")
    assert predicted.wall_s > 1.2 * predicted.longest_s  # two tasks at a time, so some wait
    assert seconds == pytest.approx(predicted.wall_s, rel=0.2)


def fetched_in_bins(root, rows, bins, web, executor, reach) -> float:
    """Seconds that the fetch stage of a build takes over these candidates."""
    root.mkdir()
    table = to_table(rows, CANDIDATE_SCHEMA)
    names, site = sites.of(table.column("url"))
    shuffle.write(root / "rows", table, shuffle.partition_of(names, bins)[site], bins)
    write_session(root, reach)
    params = {"inputs": [str(root / "rows")], "bins": bins, "stays": [], "web": web, "image": ImageSpec()}
    tasks, needs = number(list(range(bins))), Needs(io=True)
    began = time.monotonic()
    run_stage(executor, root, "fetch", "wit_builder.fetch.fetch:fetch", tasks, params, needs, lambda *_: None)
    return time.monotonic() - began
