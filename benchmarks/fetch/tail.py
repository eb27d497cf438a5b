"""What do slow and dead hosts among thousands cost a run? The same fetch with them and without.

    python benchmarks/fetch/tail.py [--hosts 2000] [--images 6] [--delay 10] [--bad 3] [--rounds 3]

Loopback hosts with their own names, polite ones: so many seconds between two requests to one. Of the bad ones there
are so many of each kind, with as many pictures as the others: silent (take the connection and say nothing),
refused, unknown (no such name), hanging (robots.txt, then nothing), dripping (a byte a second), slow (6 s a
picture). Times are those of the fetch stage, limits the defaults: 30 s a request, 10 s without a byte, 25 s for all
that a host is late.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from wit_builder.web.settings import Politeness, WebSettings

sys.path.insert(0, str(Path(__file__).parents[1]))

from fetch import ours

KINDS = ("silent", "refused", "unknown", "hanging", "dripping", "slow")


@dataclass(frozen=True, slots=True)
class Run:
    """One fetch."""

    seconds: float
    last: float  # seconds that the last 1 % of the pictures took
    lost: Counter[str]


class Watch:
    """Notes when how many pictures were settled."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []

    def stage(self, name: str, tasks: int) -> "Watch":
        """A stage begins."""
        return self

    def __call__(self, counts: Mapping[str, int], done: int) -> None:
        """It goes on."""
        self.seen.append((time.monotonic(), counts.get("done", 0)))


def main() -> None:
    """Prints both runs and what lies between them."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("hosts", 2000), ("images", 6), ("bad", 3), ("rounds", 3)):
        arguments.add_argument(f"--{name}", type=int, default=value)
    arguments.add_argument("--delay", type=float, default=10.0)
    given = arguments.parse_args()
    good = [f"h{n}.good.test" for n in range(given.hosts)]
    bad = [f"h{n}.{kind}.test" for kind in KINDS for n in range(given.bad)]
    every = len(good) // max(1, len(bad))
    mixed = list(good)
    for n, host in enumerate(bad):
        mixed.insert(n * (every + 1), host)
    without, with_bad = [], []
    for _ in range(given.rounds):
        without.append(fetched(good, given))
        with_bad.append(fetched(mixed, given))
    print(f"{given.hosts} hosts of {given.images} pictures, {given.delay:g} s apart; {given.rounds} rounds")
    for name, runs in (("good hosts only", without), (f"and {len(bad)} bad ones", with_bad)):
        total, last = (statistics.median(getattr(run, what) for run in runs) for what in ("seconds", "last"))
        lost = ", ".join(f"{reason} {count}" for reason, count in runs[-1].lost.most_common())
        print(f"{name:18} {total:6.1f} s, the last 1 % {last:5.1f} s; lost: {lost or 'none'}")
    ratio = statistics.median(r.seconds for r in with_bad) / statistics.median(r.seconds for r in without)
    print(f"with bad hosts: {100 * (ratio - 1):+.1f} % time")


def fetched(hosts: list[str], given: argparse.Namespace) -> Run:
    """Fetch all pictures of these hosts, each host's from first to last, hosts by turns."""
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("awkward.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server, tempfile.TemporaryDirectory() as folder:
        assert server.stdout and server.stdin
        routes = {
            "*.refused.test": "127.0.0.1:1",
            "*.unknown.test": None,
            "*": f"127.0.0.1:{int(server.stdout.readline())}",
        }
        urls = [f"http://{host}/{n}.png" for n in range(given.images) for host in hosts]
        watch = Watch()
        polite = Politeness(host_delay_s=given.delay, ip_delay_s=0.0)
        web = WebSettings(politeness=polite, allow_network=("127.0.0.0/8",), connections=512)
        began = time.monotonic()
        road = ours.fetched(Path(folder), urls, [""] * len(urls), web, routes, watch)
        seconds = time.monotonic() - began
        server.stdin.close()
        nearly = next(at for at, done in watch.seen if done >= 0.99 * len(urls))
        lost = Counter(
            reason
            for path in road.files("fetch", "losses")
            for reason in pq.read_table(path)["reason"].to_pylist()
        )
        return Run(seconds, began + seconds - nearly, lost)


if __name__ == "__main__":
    main()
