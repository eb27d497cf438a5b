"""Rates and hosts as a trial and a list might give them."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from wit_builder.planning.hosts import Hosts, Tally
from wit_builder.planning.rates import Mean, Rates

RATES = Rates(
    rows=1_000,
    lost={"http_404": 300, "decode_error": 100},
    down=Mean(1_000, 60_000.0, 150_000.0),
    staged=Mean(600, 20_000.0, 10_000.0),
    stored=24_000.0,
    pixels=Mean(600, 500_000.0, 900_000.0),
    request_cpu_s=0.001,
    picture_cpu_s=0.01,
    picture_requests=1.0,
    rule_requests=2.0,
    latency_s=(0.1, 0.2, 0.3),
    waiting_s=0.5,
    start_s=0.0,
    straggler_s=0.0,
    address_share=0.0,
    at="2026-11-25T12:00:00+00:00",
    machine="x86_64, 2 cores",
)


def rates(**changes) -> Rates:
    return replace(RATES, **changes)


def hosts(counts: dict[str, int]) -> Hosts:
    """A list with so many rows of each host."""
    tally = Tally()
    names = list(counts)
    places = np.repeat(np.arange(len(names)), list(counts.values()))
    tally.add([pa.array([f"http://{name}/" for name in names]).take(pa.array(places))])
    return tally.hosts()


def zipf(hosts: int, rows: int, seed: int = 0) -> list[pa.Array]:
    """URLs whose hosts are as unequal as the web's, in ten parts."""
    weights = (np.arange(1, hosts + 1) + 3.0) ** -1
    names = pa.array([f"http://h{n}.test/" for n in range(hosts)])
    places = np.random.default_rng(seed).choice(hosts, rows, p=weights / weights.sum())
    return [names.take(pa.array(part)) for part in np.array_split(places, 10)]
