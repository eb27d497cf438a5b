"""400 million and 5 billion pairs on 1 to 1,000 machines: how long, for how much, and what bounds it.

    python benchmarks/scale/simulate.py [--core-hour-price 0.04 --million-reads-price 0.4]

It is what `wit plan --for build` says of a list whose hosts follow the law of hosts.py. What a download takes is put
together of figures that are published or measured, each with its source below; no list was fetched for this. Hosts
are as many as in LAION-400M, also for 5 billion pairs: of a list that long the heaviest have smaller shares.
"""

import time
from collections.abc import Iterator, Sequence

import click
import numpy as np
from hosts import LAION

from wit_builder.planning.estimate import Estimate, Fleet, Prices, estimate
from wit_builder.planning.hosts import HEAVY, Hosts, hashed_domains
from wit_builder.planning.plan import count, hours, money, size
from wit_builder.planning.plan import time as shown
from wit_builder.planning.rates import Interval, Mean, Rates
from wit_builder.planning.simulate import Machines
from wit_builder.web.settings import Politeness

WORKERS = (1, 10, 100, 1_000)
CORES, MBITS = 16, 10_000  # of a machine
CAP = 100_000  # rows of a host, where they are capped

# img2dataset's README: 100 million pictures in 20 hours, 1,350 a second, with 130 MB/s coming in and 30 going out.
DOWN, STAGED = 130e6 / 1_350, 30e6 / 1_350
RATES = Rates(
    rows=1_000_000,
    lost={"http_404": 320_000},  # 68 % of LAION-400M was had in 2024: rom1504/img2dataset, issue 400
    down=Mean(1_000_000, 0.68 * DOWN, 2 * DOWN),
    staged=Mean(10_000, STAGED, STAGED),
    stored=STAGED + 3_000.0,  # JSON, caption, tar headers, a row of the sidecar
    pixels=Mean(10_000, 1e6, 1e6),
    request_cpu_s=0.0014,  # docs/benchmarks.md, "Fetching a list": https, 7.75 ms, of them 6.34 pixels
    picture_cpu_s=0.0063,
    picture_requests=1.05,
    rule_requests=2.0,  # robots.txt and tdmrep.json
    latency_s=(
        0.1,
        0.2,
        0.5,
    ),  # taken, as are the next three; with a second between requests little hangs on them
    waiting_s=0.5,
    start_s=1.0,
    straggler_s=60.0,
    address_share=0.0,
    at="2026-11-26",
    machine="put together, see benchmarks/scale/simulate.py",
)
POLITENESS = Politeness(host_delay_s=1.0, ip_delay_s=0.1)


@click.command()
@click.option("--core-hour-price", default=0.04)
@click.option("--million-reads-price", default=0.4)
def main(core_hour_price: float, million_reads_price: float) -> None:
    """Print a table for each number of pairs, as the list is and with its heaviest hosts cut."""
    prices = Prices(core_hour=core_hour_price, million_reads=million_reads_price)
    for pairs in (400e6, 5e9):
        rows = pairs / RATES.success().value
        whole = web(rows)
        capped = whole.capped(CAP)
        for name, hosts in (("all rows", whole), (f"at most {CAP:,} rows of a host", capped)):
            began = time.process_time()
            found = estimate(
                hosts, RATES, None, POLITENESS, Machines(cores=CORES, bandwidth=MBITS * 1e6), prices, WORKERS
            )
            lost = "" if hosts is whole else f", {100 * (1 - hosts.rows / rows):.0f} % of the pairs left out"
            print(f"\n{count(pairs)} pairs, {name}{lost} ({time.process_time() - began:.1f} CPU-s)")
            print("\n".join(table(found)))


def web(rows: float) -> Hosts:
    """So many rows over the hosts of the law; of the heaviest each is known."""
    share, hosts = LAION.classes(alone=HEAVY)
    alone = int(np.searchsorted(np.cumsum(hosts), HEAVY))
    names = tuple(f"host-{rank + 1}.example" for rank in range(alone))
    counts = rows * share[:alone]
    number = LAION.distinct(rows)
    return Hosts(
        rows=rows,
        counted=int(rows),
        names=names,
        counts=counts,
        domains=hashed_domains(names),
        rest_hosts=number - alone,
        rest_rows=rows - float(counts.sum()),
        number=Interval(number, number, number),
        error=0.0,
    )


def table(found: Estimate) -> Iterator[str]:
    """Rows of a table for docs/benchmarks.md."""
    assert found.traffic is not None
    work = hours(found.core_hours.value)
    yield f"down {size(found.down.value)}, stored {size(found.stored.value)}, {work} core-hours of work;"
    yield (
        f"store: {size(found.traffic.read)} read in {count(found.traffic.requests)} reads "
        f"({money(found.asking or 0.0)}), {size(found.traffic.written)} written"
    )
    yield "| machines | all | fetch | Gbit/s | select | clean | pack | core-hours | price | bound by |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for fleet in found.fleets:
        yield "| " + " | ".join(cells(found, fleet)) + " |"


def cells(found: Estimate, fleet: Fleet) -> Sequence[str]:
    """Of one number of machines."""
    stages = {
        name: sum(it.wall_s for it in fleet.others if it.step.stage == name)
        for name in ("select", "clean", "pack")
    }
    bound = (
        fleet.outcome.bound if fleet.slowest is None else f"{fleet.slowest.step.name}, {fleet.slowest.bound}"
    )
    return [
        f"{fleet.machines.count:,}", shown(fleet.wall_s.value), shown(fleet.outcome.wall_s),
        f"{8e-9 * found.down.value / fleet.outcome.wall_s:.2g}", *(shown(seconds) for seconds in stages.values()),
        hours(fleet.rented), money(fleet.price or 0.0), bound,
    ]  # fmt: skip


if __name__ == "__main__":
    main()
