"""How long does a fetch take? A simulation of its tasks over the hosts' distribution.

Politeness makes each host a chain: so many requests, one after the other, each a delay (or an answer, where
that is slower) after the one before. Hosts are independent of each other, so that a task, which is a bin of
registrable domains, takes as long as its longest chain, or as the connections, cores or bandwidth need that
its machine has for it, whichever is most: that is exact but for the last request of each. Machines take tasks
one after the other, and that is played through. A list of 5,000,000,000 rows has 25,000 tasks: 0.1 s.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from wit_builder.build import ROWS_PER_BIN
from wit_builder.engine.local import io_tasks
from wit_builder.planning.hosts import Array, Hosts
from wit_builder.planning.rates import Rates
from wit_builder.web.politeness import Politeness

Limit = Literal["politeness", "address", "connections", "cores", "bandwidth", "straggler"]
LIMITS: tuple[Limit, ...] = get_args(Limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """What fetches: so many machines alike."""

    cores: int
    connections: int = 256  # of one task
    bandwidth: float | None = None  # bits a second of one machine; None: enough
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

    @property
    def bound(self) -> Limit:
        """What it is bound by."""
        return max(LIMITS, key=lambda limit: self.alone[limit])

    @property
    def otherwise_s(self) -> float:
        """How long it would take if politeness were no limit."""
        return max(self.alone[limit] for limit in LIMITS if limit != "politeness")


def simulate(
    hosts: Hosts, rates: Rates, politeness: Politeness, machines: Machines, seed: int = 0
) -> Outcome:
    """Fetch these rows.

    seed: of the bins that domains fall into, and of nothing else.
    """
    chains = _chains(hosts, rates, politeness)
    count = max(1, round(hosts.rows / ROWS_PER_BIN))
    bins = np.random.default_rng(seed).integers(count, size=int(hosts.domains.max(initial=-1)) + 1)
    of_host = bins[hosts.domains]
    rows = _summed(of_host, hosts.counts, count) + hosts.rest_rows / count
    known = _summed(of_host, np.minimum(hosts.counts, 1.0), count) + hosts.rest_hosts / count
    longest = np.full(count, _rest_chain(hosts, chains))
    np.maximum.at(longest, of_host, chains)
    needs = _needs(rows, known, longest, rates, politeness, machines)
    slots = machines.count * machines.tasks
    first = int(np.argmax(chains)) if len(chains) else -1
    return Outcome(
        wall_s=_played(np.max(list(needs.values()), axis=0) + rates.start_s, slots),
        alone={limit: _played(needs[limit], slots) for limit in LIMITS},
        longest=hosts.names[first] if first >= 0 else "",
        longest_s=float(chains[first]) if first >= 0 else 0.0,
        tasks=count,
    )


def _chains(hosts: Hosts, rates: Rates, politeness: Politeness) -> Array:
    """Seconds from the first request to the last answer, of each heavy host."""
    gap = rates.gap(politeness.host_delay_s, politeness.host_connections)
    chains = _seconds(hosts.counts, rates, gap)
    if politeness.domain_delay_s > 0:
        shared = rates.gap(politeness.domain_delay_s)
        of_domain = _summed(hosts.domains, _seconds(hosts.counts, rates, shared))
        chains = np.maximum(chains, of_domain[hosts.domains])
    return chains


def _seconds(counts: Array, rates: Rates, gap: float) -> Array:
    """A host with less than one row is one that may have none; then its rules are asked for as rarely."""
    asked = counts * rates.picture_requests + np.minimum(counts, 1.0) * rates.rule_requests
    return np.maximum(asked - 1, 0.0) * gap + np.minimum(counts, 1.0) * rates.latency()


def _rest_chain(hosts: Hosts, chains: Array) -> float:
    """A host that is not told apart has at most as many rows as the lightest that is."""
    return float(chains[-1]) if len(chains) and hosts.rest_rows > 0 else 0.0


def _summed(group: np.ndarray[Any, np.dtype[np.int64]], values: Array, groups: int = 0) -> Array:
    return np.bincount(group, values, groups).astype(np.float64)


def _needs(
    rows: Array, hosts: Array, longest: Array, rates: Rates, politeness: Politeness, machines: Machines
) -> dict[Limit, Array]:
    """Seconds that each task takes by each limit alone."""
    asked = rows * rates.picture_requests
    rules = hosts * rates.rule_requests
    # Who takes a host's first row holds a connection while robots.txt and tdmrep.json wait for their turns.
    held = (asked + rules) * rates.waiting_s + rules * politeness.host_delay_s
    cpu_s = rows * rates.row_cpu_s() + rules * rates.request_cpu_s
    bits = rows * rates.pairs / rates.rows * rates.down.mean * 8
    return {
        "politeness": longest,
        "address": (asked + rules) * rates.address_share * politeness.ip_delay_s,
        "connections": held / machines.connections,
        "cores": cpu_s * machines.tasks / machines.cores,
        "bandwidth": bits * machines.tasks / machines.bandwidth
        if machines.bandwidth
        else np.zeros(len(rows)),
        "straggler": np.full(len(rows), rates.straggler_s + rates.rule_requests * politeness.host_delay_s),
    }


def _played(seconds: Array, slots: int) -> float:
    """When the last task ends: each slot takes the next one as soon as it is free."""
    if len(seconds) <= slots:
        return float(seconds.max(initial=0.0))
    free = [0.0] * slots
    for each in seconds:
        heapq.heapreplace(free, free[0] + float(each))
    return max(free)


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
