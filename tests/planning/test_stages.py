from dataclasses import replace
from math import ceil

import pytest

from tests.planning.measured import rates
from wit_builder.planning.simulate import Machines
from wit_builder.planning.stages import DISPATCH_S, READS_A_S, Cut, Step, Taken, played, steps

ROWS = 2_000_000
WORK = Step("select", "judge", "rows", "judged", cpu_us=100.0, reads=50.0, writes=30.0)  # 10 tasks of 20 s
CUT = Cut.of(ROWS, 1_000_000)


def taken(step: Step = WORK, cut: Cut = CUT, **machines: float) -> Taken:
    (found,) = played((step,), cut, Machines(**{"cores": 2} | machines))
    return found


def test_a_build_is_cut_as_the_road_cuts_it() -> None:
    cut = Cut.of(4_000_001, 1_000_000, samples_per_shard=5_000)
    assert (cut.judged, cut.bins, cut.sampled, cut.partitions, cut.near, cut.shards) == (21, 3, 5, 2, 2, 200)
    assert (Cut.of(8e6, 8e6).near, Cut.of(9e6, 9e6).near, Cut.of(1e9, 1e9).near) == (16, 16 * 4, 16 * 1_024)
    assert min(Cut.of(1, 0)) == 0 and min(Cut.of(1, 0)[2:]) == 1


@pytest.mark.parametrize(("cores", "turns"), [(1, 10), (2, 5), (3, 4), (9, 2), (10, 1)])
def test_a_stage_takes_as_many_turns_as_its_tasks_need_of_all_cores(cores: int, turns: int) -> None:
    found = taken(cores=cores)
    assert (found.wall_s, found.bound, found.cpu_s) == (
        pytest.approx(turns * 20.0),
        "cores",
        pytest.approx(200.0),
    )


def test_more_cores_than_tasks_are_of_no_use() -> None:
    assert [(taken(cores=n).wall_s, taken(cores=n).bound) for n in (10, 11, 500)] == [
        (pytest.approx(20.0), "cores"), (pytest.approx(20.0), "tasks"), (pytest.approx(20.0), "tasks"),
    ]  # fmt: skip


def test_one_task_for_all_is_bound_by_itself_on_any_number_of_machines() -> None:
    lone = replace(WORK, tasks="one")
    assert [taken(lone, count=n).wall_s for n in (1, 100)] == [pytest.approx(200.0)] * 2
    assert taken(lone, count=100).rented_s == pytest.approx(2 * 200.0)  # the others are given back


def test_work_may_grow_with_the_square_of_the_rows() -> None:
    assert taken(replace(WORK, cpu_us=0.0, square_ns=0.1)).cpu_s == pytest.approx(ROWS**2 * 1e-10)


def test_a_slow_network_is_a_limit_of_each_machine_that_has_a_task() -> None:
    bits = ROWS * 80.0 * 8
    slow = taken(bandwidth=1e6, cores=10)
    assert (slow.bound, slow.wall_s) == ("bandwidth", pytest.approx(bits / 1e6))
    assert taken(bandwidth=1e6, cores=10, count=4).wall_s == pytest.approx(bits / 4e6)
    assert taken(bandwidth=1e6, cores=10, count=40).wall_s == pytest.approx(bits / 10e6)


def test_several_machines_share_what_a_store_answers() -> None:
    many = replace(WORK, slices=lambda cut: 1e7)
    assert taken(many, cores=10).bound == "cores"
    shared = taken(many, cores=10, count=2)
    assert (shared.bound, shared.wall_s) == ("store", pytest.approx((1e7 + 10) / READS_A_S))


def test_a_driver_hands_out_one_task_after_the_other() -> None:
    small = replace(WORK, tasks="shards", cpu_us=0.001)
    cut = Cut.of(ROWS, 1e8)
    assert (taken(small, cut, count=2).bound, taken(small, cut, count=2).wall_s) == (
        "driver",
        10_000 * DISPATCH_S,
    )


def test_reads_of_a_shuffle_grow_with_the_square_of_the_rows() -> None:
    def reads(rows: float) -> dict[str, float]:
        cut = Cut.of(rows, rows)
        return {it.step.name: it.requests for it in played(steps(rates(), cut), cut, Machines(cores=2))}

    once, twice = reads(4e8), reads(8e8)
    assert once["clean-exact"] == pytest.approx(800 * 2_000, rel=0.01)
    assert twice["clean-exact"] == pytest.approx(4 * once["clean-exact"], rel=0.01)


@pytest.mark.parametrize(("cores", "count"), [(1, 1), (2, 3), (7, 2)])
def test_turns_are_what_playing_each_task_gives(cores: int, count: int) -> None:
    """Event by event: each core takes the next task as soon as it is free."""
    tasks = 53
    step, cut = replace(WORK, slices=lambda cut: 0.0), Cut.of(tasks * 200_000, 0)
    free = [0.0] * (cores * count)
    for _ in range(tasks):
        free[free.index(min(free))] += 20.0
    assert taken(step, cut, cores=cores, count=count).wall_s == pytest.approx(max(free))
    assert max(free) == ceil(tasks / (cores * count)) * 20.0
