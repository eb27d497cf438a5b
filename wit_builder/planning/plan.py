"""A plan: what was read, measured and reckoned, as JSON and as text for a terminal of 80 columns."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from textwrap import wrap
from typing import Any

from wit_builder.errors import many
from wit_builder.planning.draw import Drawn
from wit_builder.planning.estimate import Estimate, Fleet
from wit_builder.planning.rates import Interval, Rates
from wit_builder.planning.simulate import Limit
from wit_builder.planning.stages import MEASURED, Taken
from wit_builder.planning.stages import Limit as StageLimit
from wit_builder.report.diagnosis import Diagnosis
from wit_builder.report.folder import plain
from wit_builder.web.settings import Politeness

WIDTH = 80
HEAVIEST = 20  # hosts that are named in the JSON
MUCH_HELD = 1e9  # bytes of memory of one task, from which on it is said


@dataclass(frozen=True, slots=True)
class Plan:
    """All there is to say."""

    files: tuple[str, ...]
    drawn: Drawn
    rates: Rates
    diagnosis: Diagnosis  # of the trial's failures
    politeness: Politeness
    estimate: Estimate


def as_json(plan: Plan) -> dict[str, Any]:
    """In JSON types. `rates` is what --rates takes."""
    hosts = plan.drawn.hosts
    return {
        "list": {
            "files": list(plan.files),
            "rows": hosts.rows,
            "rows_read": hosts.counted,
            "without_address": plan.drawn.without,
            "hosts": asdict(hosts.number),
            "heaviest": dict(zip(hosts.names[:HEAVIEST], hosts.counts[:HEAVIEST].tolist(), strict=True)),
            "heaviest_error": hosts.error,
        },
        "rates": plan.rates.as_json(),
        "success": asdict(plan.rates.success()),
        "diagnosis": plan.diagnosis.as_json(),
        "politeness": asdict(plan.politeness),
        "estimate": asdict(plan.estimate)
        | {"fleets": [_fleet_json(fleet) for fleet in plan.estimate.fleets]},
    }


def _fleet_json(fleet: Fleet) -> dict[str, Any]:
    others = [
        {"name": it.step.name} | {name: getattr(it, name) for name in _OF_STAGES} for it in fleet.others
    ]
    return {
        "machines": asdict(fleet.machines),
        "outcome": asdict(fleet.outcome),
        "others": others,
        "wall_s": asdict(fleet.wall_s),
        "rented": fleet.rented,
        "price": fleet.price,
        "bound": fleet.outcome.bound if fleet.slowest is None else fleet.slowest.step.name,
    }


_OF_STAGES = ("wall_s", "bound", "cpu_s", "rented_s", "read", "written", "requests", "held")


def lines(plan: Plan) -> Iterator[str]:
    """As text, 80 columns wide at most but for names."""
    found = plan.estimate
    yield f"{count(found.pairs.value)} pairs from {plain(', '.join(plan.files), 200)}"
    yield ""
    yield f"  {'':<18}{'estimate':>12}   95 %"
    yield from (_amount(*row) for row in _amounts(found))
    yield from (f"  {what:<18}{money(price):>12}" for what, price in _prices(found) if price is not None)
    yield ""
    yield from _fleets(found)
    yield ""
    yield from _stages(found)
    yield from _bound(plan)
    yield from _changes(found)
    yield ""
    yield from _grounds(plan)


def _amounts(found: Estimate) -> list[tuple[str, Interval, Callable[[float], str]]]:
    return [
        ("pairs", found.pairs, count),
        ("rows asked for", found.rows, count),
        ("hosts asked", found.hosts, count),
        ("downloaded", found.down, size),
        ("stored", found.stored, size),
        ("scratch besides", found.scratch, size),
        ("core-hours of work", found.core_hours, hours),
    ]


def _amount(what: str, it: Interval, shown: Callable[[float], str]) -> str:
    return f"  {what:<18}{shown(it.value):>12}   {between(it, shown)}".rstrip()


def _prices(found: Estimate) -> list[tuple[str, float | None]]:
    return [
        ("storing, a month", found.storing),
        ("moving it once", found.moving),
        ("reads of the store", found.asking),
    ]


def _fleets(found: Estimate) -> Iterator[str]:
    priced = any(fleet.price is not None for fleet in found.fleets)
    cores = found.fleets[0].machines.cores
    yield f"  {f'machines of {cores} cores':<20}{'wall time':>10}   {'95 %':<22}{'core-hours':>10}" + (
        f"{'price':>12}" if priced else ""
    )
    for fleet in found.fleets:
        price = "" if fleet.price is None else f"{money(fleet.price):>12}"
        wall = f"{time(fleet.wall_s.value):>10}   {between(fleet.wall_s, time):<22}"
        yield f"  {fleet.machines.count:<20,}{wall}{hours(fleet.rented):>10}{price}"


def _stages(found: Estimate) -> Iterator[str]:
    """Of a build, how long each stage takes."""
    if found.traffic is None:
        return
    counts = [fleet.machines.count for fleet in found.fleets]
    yield f"  {'wall time by stage':<20}" + "".join(f"{count:>11,}" for count in counts)
    walls = [{"collect": 0.0, "select": 0.0, "fetch": fleet.outcome.wall_s} for fleet in found.fleets]
    for wall, fleet in zip(walls, found.fleets, strict=True):
        for it in fleet.others:
            wall[it.step.stage] = wall.get(it.step.stage, 0.0) + it.wall_s
    for stage in walls[0]:
        yield f"  {stage:<20}" + "".join(f"{time(wall[stage]):>11}" for wall in walls)
    yield ""
    yield (
        f"through a store: {size(found.traffic.read)} read in {count(found.traffic.requests)} reads, "
        f"{size(found.traffic.written)} written"
    )
    heaviest = max(found.fleets[0].others, key=lambda it: it.held)
    if heaviest.held > MUCH_HELD:
        yield f"memory: a task of {heaviest.step.name} holds something of each pair, {size(heaviest.held)}"


def _bound(plan: Plan) -> Iterator[str]:
    fleets = plan.estimate.fleets
    delay = plan.politeness.host_delay_s
    for sentence, some in groupby(fleets, lambda fleet: _why(fleet, delay)):
        counts = [f"{fleet.machines.count:,}" for fleet in some]
        several = "" if counts == ["1"] else "s"
        span = counts[0] if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        with_ = "" if len(counts) == len(fleets) else f" with {span} machine{several}"
        yield from wrap(f"bound{with_}: {sentence}", WIDTH, break_long_words=False, break_on_hyphens=False)
    if plan.estimate.without is not None:
        hosts, seconds = plan.estimate.without
        heaviest = "that host" if hosts == 1 else f"the {hosts} heaviest hosts"
        yield f"without {heaviest} {time(seconds)}"


_ALONE = "one request at a time to"


def _why(fleet: Fleet, delay: float) -> str:
    if fleet.slowest is not None:
        return f"{fleet.slowest.step.name}: {_WHY_STAGES[fleet.slowest.bound](fleet.slowest)}"
    if fleet.outcome.bound == "politeness":
        return _polite(fleet, delay)
    return _WHY[fleet.outcome.bound](fleet)


def _polite(fleet: Fleet, delay: float) -> str:
    outcome = fleet.outcome
    of, what = ("politeness of", "politeness") if delay else (_ALONE, f"{_ALONE} each host")
    if outcome.longest and outcome.longest_s >= 0.7 * outcome.wall_s:
        return f"{of} {plain(outcome.longest, 80)} ({time(outcome.longest_s)})"
    window = fleet.machines.window
    pieces = (
        f"{many(outcome.tasks, 'task')}, {fleet.machines.tasks} at a time"
        if window is None
        else f"{many(outcome.tasks, 'window')} of {window:,} rows"
    )
    slowest = f". The slowest of all, {plain(outcome.longest, 80)}, takes {time(outcome.longest_s)}"
    return f"{what}; {pieces}, each as long as its slowest host{slowest if outcome.longest else ''}"


_WHY: dict[Limit, Callable[[Fleet], str]] = {
    "address": lambda fleet: "politeness of the IP address that most hosts share",
    "connections": lambda fleet: f"{fleet.machines.connections} connections of a task",
    "cores": lambda fleet: f"{fleet.machines.cores} cores",
    "bandwidth": lambda fleet: "bandwidth",
    "straggler": lambda fleet: "the slowest answer, with its retries",
}


_WHY_STAGES: dict[StageLimit, Callable[[Taken], str]] = {
    "cores": lambda it: f"{hours(it.cpu_s / 3600)} core-hours of work",
    "tasks": lambda it: f"it has fewer tasks than there are cores ({hours(it.cpu_s / 3600)} core-hours)",
    "bandwidth": lambda it: f"{size(it.read + it.written)} through the network",
    "store": lambda it: f"{count(it.requests)} reads of the store",
    "driver": lambda it: "more tasks than the driver hands out in that time",
}


def _changes(found: Estimate) -> Iterator[str]:
    if not found.changes:
        return
    yield ""
    yield f"  {'with one machine and':<42}{'wall time':>12}{'pairs':>12}"
    for change in found.changes:
        lost = f"-{percent(change.pairs / found.pairs.value)}" if change.pairs else ""
        yield f"  {change.what:<42}{time(change.wall_s):>12}{lost:>12}".rstrip()


def _grounds(plan: Plan) -> Iterator[str]:
    """What the figures rest on."""
    hosts, rates, success = plan.drawn.hosts, plan.rates, plan.rates.success()
    read = "all" if plan.drawn.whole else count(hosts.counted)
    what = "an address" if plan.estimate.traffic is None else "address and caption"
    without = f"; {percent(plan.drawn.without)} without" if plan.drawn.without else ""
    yield f"list: {count(hosts.rows)} rows with {what}, {read} read{without}"
    if not plan.drawn.whole:
        yield f"  heaviest host ±{100 * hosts.error:.0f} %; hosts between Chao's lower bound and Heaps' law"
    yield (
        f"trial: {rates.rows:,} rows, {rates.pairs:,} pairs, {100 * success.value:.1f} % "
        f"({100 * success.low:.1f} to {100 * success.high:.1f} %), {plain(rates.at, 30)}"
    )
    for sentence in plan.diagnosis.sentences[:2] or _kinds(plan.diagnosis):
        yield from wrap(sentence, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    delay = plan.politeness.host_delay_s
    yield f"politeness: {delay:g} s between requests to a host; its Crawl-delay is not reckoned with"
    if plan.estimate.traffic is None:
        cores = plan.estimate.fleets[0].machines.cores
        yield f"planned: `wit fetch --processes_count {cores}` on each machine, of its own rows"
    else:
        yield f"other stages: measured on {MEASURED};\n  as if every filter kept everything"


def _kinds(diagnosis: Diagnosis) -> Iterator[str]:
    """What failed, where nothing is known of the hosts."""
    if diagnosis.kinds:
        yield f"lost: {', '.join(f'{plain(kind.name, 80)} {kind.n:,}' for kind in diagnosis.kinds)}"


def percent(share: float) -> str:
    """0.123 as "12.3 %"; "100.0 %" is all, and nothing less."""
    if share < 0.0995:
        return f"{100 * share:.2g} %"
    return f"{100 * share if share >= 1 else min(99.9, 100 * share):.1f} %"


def between(it: Interval, shown: Callable[[float], str]) -> str:
    """The ends of the interval, "" where they are the same."""
    low, high = shown(it.low), shown(it.high)
    unit = high.partition(" ")[1] + high.partition(" ")[2]
    return "" if low == high else f"{low.removesuffix(unit)} to {high}"


def count(n: float) -> str:
    """1234 as "1,234", 400,000,000 as "400 M"."""
    for power, unit in ((10**9, "B"), (10**6, "M")):
        if n >= 0.9995 * power:
            return f"{_three(n / power)} {unit}"
    return f"{n:,.0f}"


def size(n: float) -> str:
    """Bytes in the unit that fits; powers of 1000, as disks are sold."""
    for power, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n >= 0.9995 * power:
            return f"{_three(n / power)} {unit}"
    return f"{n:.0f} bytes"


def hours(n: float) -> str:
    """Core-hours, three digits of them."""
    return count(n) if n >= 99.95 else f"{n:.3g}"


def money(n: float) -> str:
    """An amount of whatever the prices are in."""
    return count(n) if n >= 1e6 else f"{n:,.2f}"


def time(seconds: float) -> str:
    """Seconds in the unit that fits."""
    for length, least, unit in (
        (86_400 * 365.25, 2.0, "years"),
        (86_400, 2.0, "days"),
        (3_600, 1.0, "h"),
        (60, 2.0, "min"),
    ):
        if seconds >= least * length:
            return f"{_three(seconds / length)} {unit}"
    return f"{_three(seconds)} s"


def _three(value: float) -> str:
    """Three digits, more only where they stand before the point."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.3g}"
