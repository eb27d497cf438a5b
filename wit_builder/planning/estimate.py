"""From rates and hosts to what a data set of a given size takes, with 95 % intervals."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from wit_builder.errors import ConfigError
from wit_builder.planning.hosts import Hosts
from wit_builder.planning.rates import Interval, Rates
from wit_builder.planning.simulate import Machines, Outcome, simulate, without_heaviest
from wit_builder.planning.stages import Cut, Taken, played, steps
from wit_builder.web.settings import Politeness

WORKERS = (1, 10, 100, 1_000)  # machines

_CAPS = (10_000_000, 1_000_000, 100_000, 10_000, 1_000)  # rows of a host


@dataclass(frozen=True, slots=True)
class Prices:
    """What things cost, in one currency; None: nobody said."""

    core_hour: float | None = None
    gb_month: float | None = None  # of stored data; GB is 1e9 bytes
    gb_out: float | None = None  # of data that leave
    million_reads: float | None = None  # of a store


@dataclass(frozen=True, slots=True)
class Fleet:
    """What it takes with so many machines."""

    machines: Machines
    outcome: Outcome  # of the fetch
    others: tuple[Taken, ...]  # the other stages of a build; none of `wit fetch`
    wall_s: Interval
    rented: float  # core-hours of machines that are given back when no task is left for them
    price: float | None  # of them

    @property
    def slowest(self) -> Taken | None:
        """The stage that takes longer than the fetch and all others; None where it is the fetch."""
        longest = max(self.others, key=lambda it: it.wall_s, default=None)
        return longest if longest and longest.wall_s > self.outcome.wall_s else None


@dataclass(frozen=True, slots=True)
class Change:
    """Something done another way, on one machine."""

    what: str
    wall_s: float
    pairs: float  # that it costs


@dataclass(frozen=True, slots=True)
class Traffic:
    """What goes through the store that several machines share, until shards lie in it."""

    read: float  # bytes
    written: float
    requests: float  # reads


@dataclass(frozen=True, slots=True)
class Estimate:
    """What it takes."""

    rows: Interval  # that are asked for
    pairs: Interval
    hosts: Interval  # that are asked
    down: Interval  # bytes
    stored: Interval
    scratch: Interval
    core_hours: Interval  # of work
    fleets: tuple[Fleet, ...]
    without: tuple[int, float] | None  # so many hosts fewer, and the seconds it then takes on one machine
    changes: tuple[Change, ...]
    traffic: Traffic | None  # of a build
    storing: float | None  # price a month
    moving: float | None  # price of the data set's leaving once
    asking: float | None  # price of the reads


def estimate(
    hosts: Hosts,
    rates: Rates,
    pairs: float | None,
    politeness: Politeness,
    machine: Machines,
    prices: Prices = Prices(),
    workers: Sequence[int] = WORKERS,
) -> Estimate:
    """What it takes to get so many pairs of the list, or all it has, for each number of machines like this one.

    Raises ConfigError where the trial had no pair, and where the list has too few.
    """
    rows, got = _amounts(hosts, rates, pairs)
    asked = hosts.scaled(rows.value)
    sizes = rates.staged.interval()
    text = rates.stored - rates.staged.mean
    stored = got.times(Interval(rates.stored, sizes.low + text, sizes.high + text))
    cpu_s = rows.value * rates.row_cpu_s() + asked.number.value * rates.rule_requests * rates.request_cpu_s
    work = Interval(cpu_s / 3600, cpu_s / 3600, cpu_s / 3600)
    work = work.times(_spread(rows)).times(_spread(rates.pixels.interval()))
    fleets = [_fleet(hosts, rates, rows, politeness, replace(machine, count=n), prices) for n in workers]
    others = sum(it.cpu_s for it in fleets[0].others) / 3600
    traffic = _traffic(fleets[0].others)
    alone = simulate(asked, rates, politeness, machine)
    return Estimate(
        rows=rows,
        pairs=got,
        hosts=asked.number,
        down=rates.down.interval() * rows.value,
        stored=stored,
        scratch=_scratch(rows, got, machine).times(sizes),
        core_hours=work.plus(others),
        fleets=tuple(fleets),
        without=_without(asked, rates, politeness, machine, alone),
        changes=tuple(_changes(asked, rates, politeness, machine, alone)),
        traffic=traffic,
        storing=_priced(prices.gb_month, stored.value / 1e9),
        moving=_priced(prices.gb_out, stored.value / 1e9),
        asking=_priced(prices.million_reads, traffic.requests / 1e6) if traffic else None,
    )


def _amounts(hosts: Hosts, rates: Rates, pairs: float | None) -> tuple[Interval, Interval]:
    """Rows and pairs."""
    success = rates.success()
    if not rates.pairs:
        raise ConfigError(f"not one of {rates.rows:,} rows became a pair, so nothing can be said of more")
    most = success * hosts.rows
    if pairs is None:
        return Interval(hosts.rows, hosts.rows, hosts.rows), most
    if pairs > most.value:
        enough = math.floor(most.value)
        fewer = f"--pairs {enough}, or " if enough else ""
        raise ConfigError(
            f"the list has at most {hosts.rows:,.0f} rows, of which {enough:,} ({most.low:,.0f} to "
            f"{most.high:,.0f}) become pairs; asked for were {pairs:,.0f}",
            f"{fewer}--list-rows where these files are a part of a longer list",
        )
    rows = Interval(
        pairs / success.value, pairs / success.high, min(hosts.rows, pairs / max(success.low, 1e-12))
    )
    return rows, Interval(pairs, pairs, pairs)


def _scratch(rows: Interval, got: Interval, machine: Machines) -> Interval:
    """Pairs whose pictures wait for their shards at a time: a window's, or all."""
    return got if machine.window is None else got * min(1.0, machine.window / rows.value)


def _spread(interval: Interval) -> Interval:
    """The interval around 1."""
    return interval * (1 / interval.value) if interval.value else Interval(1.0, 1.0, 1.0)


def _fleet(
    hosts: Hosts, rates: Rates, rows: Interval, politeness: Politeness, machines: Machines, prices: Prices
) -> Fleet:
    least, outcome, most = (
        simulate(hosts.scaled(n), rates, politeness, machines) for n in (rows.low, rows.value, rows.high)
    )
    unsure = hosts.error if outcome.bound == "politeness" else 0.0
    fetch = Interval(outcome.wall_s, least.wall_s, most.wall_s).times(Interval(1.0, 1 - unsure, 1 + unsure))
    others = () if machines.window is not None else _others(rows.value, rates, machines)
    more = sum(it.wall_s for it in others)
    rented = (outcome.rented_s * machines.cores + sum(it.rented_s for it in others)) / 3600
    return Fleet(machines, outcome, others, fetch.plus(more), rented, _priced(prices.core_hour, rented))


def _others(rows: float, rates: Rates, machines: Machines) -> tuple[Taken, ...]:
    """The stages of a build besides its fetch."""
    cut = Cut.of(rows, rows * rates.success().value)
    return played(steps(rates, cut), cut, machines)


def _traffic(others: Sequence[Taken]) -> Traffic | None:
    if not others:
        return None
    return Traffic(*(sum(getattr(it, name) for it in others) for name in ("read", "written", "requests")))


def _priced(price: float | None, amount: float) -> float | None:
    return None if price is None else price * amount


def _without(
    hosts: Hosts, rates: Rates, politeness: Politeness, machine: Machines, now: Outcome
) -> tuple[int, float] | None:
    return without_heaviest(hosts, rates, politeness, machine) if now.bound == "politeness" else None


def _changes(
    hosts: Hosts, rates: Rates, politeness: Politeness, machine: Machines, now: Outcome
) -> Iterator[Change]:
    """Fewer rows of the heaviest hosts, and shorter delays, as far as politeness is what one waits for."""
    if now.bound != "politeness":
        return
    for most in (cap for cap in _CAPS if cap < hosts.counts.max(initial=0.0)):
        left = hosts.capped(most)
        outcome = simulate(left, rates, politeness, machine)
        lost = (hosts.rows - left.rows) * rates.pairs / rates.rows
        yield Change(f"at most {most:,} rows of a host", outcome.wall_s, lost)
        if outcome.bound != "politeness":
            break
    for share in (2, 10) if politeness.host_delay_s else ():
        delay = politeness.host_delay_s / share
        quicker = simulate(hosts, rates, replace(politeness, host_delay_s=delay), machine)
        yield Change(f"a delay of {delay:g} s, where owners agree", quicker.wall_s, 0.0)
