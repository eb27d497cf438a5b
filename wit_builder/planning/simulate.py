"""How long does a fetch take? A simulation of its tasks over the hosts' distribution.

Politeness makes each host a chain: so many requests, one after the other, each a delay (or an answer, where
that is slower) after the one before. Hosts are independent of each other, so that a task, which has whole
registrable domains, takes as long as its longest chain, or as the connections, cores or bandwidth need that its
machine has for it, whichever is most: that is exact but for the last request of each.

`wit build` cuts the list by domain into tasks of 2,000,000 rows, each with the domains that a build puts there, and
machines take one after the other: that is played through, 2,500 tasks for 5,000,000,000 rows. `wit fetch` takes
windows of 100,000 rows in the list's order, one after the other; each has rows of nearly every heavy host, where the
list is well mixed. Of a few windows the hosts' rows are drawn at random (Poisson). Several machines each have a list
of their own, by domain.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from wit_builder.engine import shuffle
from wit_builder.engine.local import io_tasks
from wit_builder.planning.hosts import Array, Hashes, Hosts, touched
from wit_builder.planning.rates import Rates
from wit_builder.road import ROWS_PER_BIN
from wit_builder.web.settings import Politeness

Limit = Literal["politeness", "address", "connections", "cores", "bandwidth", "straggler"]
LIMITS: tuple[Limit, ...] = get_args(Limit)

Groups = np.ndarray[Any, np.dtype[np.int64]]


class Played(NamedTuple):
    """What was played through, in seconds."""

    wall_s: float
    alone: dict[Limit, float]  # by each limit alone
    tasks: int  # or windows
    rented_s: float  # of all machines, each until it has no task left


_DRAWN = 8  # windows
_LOOKED_AT = 16  # machines


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """What fetches: so many machines alike."""

    cores: int
    connections: int = 256  # of one task
    bandwidth: float | None = None  # bits a second of one machine; None: enough
    window: int | None = None  # rows fetched together, by `wit fetch`; None: tasks of `wit build`
    count: int = 1

    @property
    def tasks(self) -> int:
        """Tasks at a time on one machine."""
        return io_tasks(self.cores)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long it takes, and why."""

    wall_s: float
    alone: Mapping[Limit, float]  # how long it would take if this were the only limit
    longest: str  # the host with the longest chain, "" where there is none
    longest_s: float  # of that chain
    tasks: int
    rented_s: float  # of all machines, each until it has no task left

    @property
    def bound(self) -> Limit:
        """What it is bound by."""
        return max(LIMITS, key=lambda limit: self.alone[limit])


def simulate(
    hosts: Hosts, rates: Rates, politeness: Politeness, machines: Machines, seed: int = 0
) -> Outcome:
    """Fetch these rows. seed: of the windows that are drawn."""
    chains = _chains(hosts.counts, hosts.domains, rates, politeness)
    first = int(np.argmax(chains)) if len(chains) else -1
    if machines.window is None:
        played = _tasks(hosts, rates, politeness, machines)
    else:
        played = _windows(hosts, rates, politeness, machines, np.random.default_rng(seed))
    return Outcome(
        wall_s=played.wall_s,
        alone=played.alone,
        longest=hosts.names[first] if first >= 0 else "",
        longest_s=float(chains[first]) if first >= 0 else 0.0,
        tasks=played.tasks,
        rented_s=played.rented_s,
    )


def _tasks(hosts: Hosts, rates: Rates, politeness: Politeness, machines: Machines) -> Played:
    """Bins of domains, taken by whichever machine is free."""
    count = max(1, ceil(hosts.rows / ROWS_PER_BIN))
    of_host = shuffle.spread(hosts.domains, count)
    chains = _chains(hosts.counts, hosts.domains, rates, politeness)
    rest = _rest_chain(hosts.counts[-1:], hosts.rest_rows, hosts.rest_hosts, rates, politeness)
    longest = np.full(count, rest)
    np.maximum.at(longest, of_host, chains)
    rows = _summed(of_host, hosts.counts, count) + hosts.rest_rows / count
    known = _summed(of_host, np.minimum(hosts.counts, 1.0), count) + hosts.rest_hosts / count
    needs = _needs(rows, known, longest, rates, politeness, machines, machines.tasks)
    slots = machines.count * machines.tasks
    alone = {limit: float(_played(needs[limit], slots).max()) for limit in LIMITS}
    ends = _played(np.max(list(needs.values()), axis=0) + rates.start_s, slots)
    of_machine = ends.reshape(machines.count, machines.tasks).max(axis=1)
    return Played(float(ends.max()), alone, count, float(of_machine.sum()))


def _windows(
    hosts: Hosts, rates: Rates, politeness: Politeness, machines: Machines, rng: np.random.Generator
) -> Played:
    """Windows of the list, one after the other; of many machines those with the heaviest hosts are looked at."""
    of_host = shuffle.spread(hosts.domains, machines.count)
    heaviest = np.zeros(machines.count)
    np.maximum.at(heaviest, of_host, hosts.counts)
    played = [
        _one_by_one(hosts, of_host == machine, rates, politeness, machines, rng)
        for machine in np.argsort(-heaviest)[:_LOOKED_AT]
    ]
    longest = max(played, key=lambda it: it.wall_s)
    alone = {limit: max(it.alone[limit] for it in played) for limit in LIMITS}
    others = (machines.count - len(played)) * min(it.rented_s for it in played)  # they are lighter
    return Played(longest.wall_s, alone, longest.tasks, sum(it.rented_s for it in played) + others)


def _one_by_one(
    hosts: Hosts,
    mine: np.ndarray[Any, np.dtype[np.bool_]],
    rates: Rates,
    politeness: Politeness,
    machines: Machines,
    rng: np.random.Generator,
) -> Played:
    """The windows of one machine."""
    assert machines.window is not None
    counts, domains = hosts.counts[mine], hosts.domains[mine]
    rest_rows, rest_hosts = hosts.rest_rows / machines.count, hosts.rest_hosts / machines.count
    held = float(counts.sum()) + rest_rows
    windows = max(1, ceil(held / machines.window))
    drawn = rng.poisson(counts / windows, (_DRAWN, len(counts))).astype(np.float64)
    drawn = drawn if windows > 1 else counts[None]
    rest = _rest_chain(drawn[0, :0], rest_rows / windows, hosts.rest_hosts, rates, politeness)
    longest = np.array([_chains(each, domains, rates, politeness).max(initial=rest) for each in drawn])
    rows = drawn.sum(axis=1) + rest_rows / windows
    known = np.minimum(drawn, 1.0).sum(axis=1) + touched(rest_hosts, rest_rows, 1 / windows)
    needs = _needs(rows, known, longest, rates, politeness, machines, 1)
    alone = {limit: windows * float(needs[limit].mean()) for limit in LIMITS}
    each = np.max(list(needs.values()), axis=0) + rates.start_s
    wall_s = windows * float(each.mean())
    return Played(
        wall_s, alone, windows, wall_s * min(1.0, held)
    )  # of less than a row a machine may have none


def _chains(counts: Array, domains: Hashes, rates: Rates, politeness: Politeness) -> Array:
    """Seconds from the first request to the last answer, of each heavy host."""
    gap = rates.gap(politeness.host_delay_s, politeness.host_connections)
    chains = _seconds(counts, rates, gap)
    if politeness.domain_delay_s > 0:
        seconds = _seconds(counts, rates, politeness.domain_delay_s)  # answers may overlap
        _, domain = np.unique(domains, return_inverse=True)
        chains = np.maximum(chains, _summed(domain, seconds)[domain])
    return chains


def _seconds(counts: Array, rates: Rates, gap: float) -> Array:
    """A host with less than one row is one that may have none; then its rules are asked for as rarely."""
    asked = counts * rates.picture_requests + np.minimum(counts, 1.0) * rates.rule_requests
    return np.maximum(asked - 1, 0.0) * gap + np.minimum(counts, 1.0) * rates.latency()


def _rest_chain(lightest: Array, rows: float, hosts: float, rates: Rates, politeness: Politeness) -> float:
    """Hosts that are not told apart have so many rows on average, and at most as many as the lightest that is."""
    if not rows:
        return 0.0
    counts = np.array([rows / hosts if hosts else rows, *lightest])
    return float(_seconds(counts, rates, rates.gap(politeness.host_delay_s)).max())


def _summed(group: Groups, values: Array, groups: int = 0) -> Array:
    return np.bincount(group, values, groups).astype(np.float64)


def _needs(
    rows: Array,
    hosts: Array,
    longest: Array,
    rates: Rates,
    politeness: Politeness,
    machines: Machines,
    sharing: int,
) -> dict[Limit, Array]:
    """Seconds that each task, or each window, takes by each limit alone. sharing: how many share a machine."""
    asked = rows * rates.picture_requests
    rules = hosts * rates.rule_requests
    # Who takes a host's first row holds a connection while robots.txt and tdmrep.json wait for their turns.
    held = (asked + rules) * rates.waiting_s + rules * politeness.host_delay_s
    cpu_s = rows * rates.row_cpu_s() + rules * rates.request_cpu_s
    clocks = machines.tasks // sharing  # tasks of a window, each with connections and clocks of its own
    bits = rows * rates.down.mean * 8
    at_once = min(sharing, len(rows))  # a lone task has the machine's line to itself
    return {
        "politeness": longest,
        "address": (asked + rules) * rates.address_share * politeness.ip_delay_s / clocks,
        "connections": held / (machines.connections * clocks),
        "cores": cpu_s * sharing / machines.cores,
        "bandwidth": bits * at_once / machines.bandwidth if machines.bandwidth else np.zeros(len(rows)),
        "straggler": np.full(len(rows), rates.straggler_s + rates.rule_requests * politeness.host_delay_s),
    }


def _played(seconds: Array, slots: int) -> Array:
    """When each slot has ended its last task: it takes the next one as soon as it is free."""
    ends = np.zeros(slots)
    ends[: len(seconds)] = seconds[:slots]
    free = [(float(end), slot) for slot, end in enumerate(ends)]
    heapq.heapify(free)
    for each in seconds[slots:]:
        end, slot = free[0]
        heapq.heapreplace(free, (end + float(each), slot))
    for end, slot in free:
        ends[slot] = end
    return ends


def without_heaviest(
    hosts: Hosts, rates: Rates, politeness: Politeness, machines: Machines
) -> tuple[int, float] | None:
    """How many of the heaviest hosts must go for politeness to be no limit, and what is left to be waited for.

    Where that takes more than a hundred, the fewest that halve the time; None where neither does.
    """
    whole = simulate(hosts, rates, politeness, machines).wall_s
    halves: tuple[int, float] | None = None
    for k in (1, 2, 3, 5, 10, 20, 30, 50, 100):
        if k >= len(hosts.counts):
            break
        left = simulate(hosts.without(k), rates, politeness, machines)
        if left.bound != "politeness":
            return k, left.wall_s
        if halves is None and left.wall_s <= whole / 2:
            halves = k, left.wall_s
    return halves
