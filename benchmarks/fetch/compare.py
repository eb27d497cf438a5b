"""Fetching a list of pictures, ours against img2dataset, over http and https.

    python benchmarks/fetch/compare.py --peer PEER/bin/python [--images 4000] [--rounds 3] [--scheme https]

Both sides: the same nginx, corpus (benchmarks/images/corpus.py) and list, 256 px, keep_ratio, JPEG 95, WebDataset
shards, two processes, certificates verified against the system's authorities and one more. Ours is `wit fetch` as
anybody runs it, but without a delay between two requests to a host; it also asks every host for robots.txt and
tdmrep.json, turns, hashes twice (SHA-256, PDQ), and writes what it fetched twice: staged, then into shards.
CPU is user and system time of the client's process tree; start-up is a run over very few pictures, taken off in the
second figure. The sides take turns, and each has run once before: bytecode is part of what is installed. Pixels
alone is `process()` where nothing is fetched, in two processes at once, timed in each round.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from fetch import measured, web
from images import corpus

from wit_builder.images.process import ImageSpec, process

HERE = Path(__file__).parent
FEW = 16  # pictures of a run that measures the start
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one side."""

    images: int
    cost: measured.Cost
    start: float  # CPU seconds of a run over FEW pictures

    @property
    def cpu_ms(self) -> float:
        """Of a picture, start-up and all."""
        return 1000 * self.cost.cpu / self.images

    @property
    def marginal_ms(self) -> float:
        """Of one more picture."""
        return 1000 * (self.cost.cpu - self.start) / (self.images - FEW)

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.images / self.cost.seconds


def main() -> None:
    """Prints a table for each scheme, and the ratios of the medians."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--peer", type=Path, help="the Python that has img2dataset; without it ours only")
    arguments.add_argument(
        "--python", type=Path, default=sys.executable, help="the Python that has wit-builder"
    )
    arguments.add_argument("--images", type=int, default=4000)
    arguments.add_argument("--files", type=int, default=1000, help="different pictures")
    arguments.add_argument("--hosts", type=int, default=100)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--scheme", action="append", choices=("http", "https"))
    arguments.add_argument("--threads", type=int, default=32, help="of each of img2dataset's processes")
    arguments.add_argument("--corpus", type=Path, help="made here unless it is there")
    arguments.add_argument("--data", type=Path, default=corpus.DATA)
    given = arguments.parse_args()
    with serving(given) as site:
        for scheme in given.scheme or ("http", "https"):
            race(scheme, site, given)


@contextmanager
def serving(given: argparse.Namespace) -> Iterator[web.Web]:
    """The corpus on loopback."""
    with tempfile.TemporaryDirectory() as folder:
        root = given.corpus or Path(folder, "corpus")
        root.mkdir(exist_ok=True)
        if not any(root.iterdir()):
            for made in corpus.corpus(given.files, data=given.data):
                (root / made.name).write_bytes(made.body)
        given.root = root
        given.names = sorted(path.name for path in root.iterdir())
        server = Path(folder, "server")
        server.mkdir()
        Path(folder).chmod(0o755)
        with web.served(root, server, given.hosts) as site:
            yield site


def race(scheme: str, site: web.Web, given: argparse.Namespace) -> None:
    """The sides by turns."""
    sides = {"wit-builder": ours} | ({"img2dataset": theirs} if given.peer else {})
    for side in sides.values():
        once(side, FEW, scheme, site, given)  # so that all modules are there as bytecode
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    alone: list[float] = []
    for _ in range(given.rounds):
        alone.append(pixels_alone(given))
        for name, side in sides.items():
            start = once(side, FEW, scheme, site, given)
            runs[name].append(Run(given.images, once(side, given.images, scheme, site, given), start.cpu))
    report(scheme, runs, given)
    print(f"pixels alone {spread(alone, '.2f')} ms")


def pixels_alone(given: argparse.Namespace) -> float:
    """CPU milliseconds of a picture where nothing is fetched or written, with as many at work as in the race."""
    alone = multiprocessing.get_context("spawn")
    with alone.Pool(PROCESSES) as pool:
        return statistics.mean(pool.map(processed_ms, [given.root] * PROCESSES, chunksize=1))


def processed_ms(root: Path) -> float:
    """Of a picture, in one process."""
    spec = ImageSpec(size=256, mode="keep_ratio", quality=95, only_shrink=False, keep_original=False)
    bodies = [path.read_bytes() for path in sorted(root.iterdir())[::3]]
    process(bodies[0], spec)  # what is imported with the first
    began = time.process_time()
    for body in bodies:
        process(body, spec)
    return 1000 * (time.process_time() - began) / len(bodies)


def once(side: "Side", images: int, scheme: str, site: web.Web, given: argparse.Namespace) -> measured.Cost:
    """One run over a fresh list into a fresh folder. Raises SystemExit where pictures are missing."""
    with tempfile.TemporaryDirectory() as folder:
        urls = Path(folder, "list.parquet")
        count = len(given.names)
        rows = [site.url(scheme, n * 7919, f"{given.names[n % count]}?{n // count}") for n in range(images)]
        pq.write_table(
            pa.table({"url": rows, "caption": [f"picture number {n}" for n in range(images)]}), urls
        )
        out = Path(folder, "out")
        log = Path(folder, "log")
        cost = measured.run(side(urls, out, images, given), site.environment, log)
        had = sum(json.loads(path.read_text())["successes"] for path in out.glob("*_stats.json"))
        if had != images:
            raise SystemExit(f"{had} of {images} pictures were had\n{log.read_text()[-2000:]}")
        return cost


def ours(urls: Path, out: Path, images: int, given: argparse.Namespace) -> list[str | Path]:
    """Our command."""
    options = "--url_col url --caption_col caption --output_format webdataset --image_size 256"
    options += f" --resize_mode keep_ratio --encode_quality 95 --processes_count {PROCESSES} --delay 0"
    options += f" --quiet --contact me@here --number_sample_per_shard {_shard(images)}"
    options += " --allow_network 127.0.0.0/8"
    return [given.python, "-m", "wit_builder", "fetch", urls, "--out", out, *options.split()]


def theirs(urls: Path, out: Path, images: int, given: argparse.Namespace) -> list[str | Path]:
    """The peer's command."""
    return [given.peer, HERE / "theirs.py", urls, out, str(_shard(images)), str(given.threads)]


def _shard(images: int) -> int:
    """Pictures of a shard: two for each process, so that both have the same to do."""
    return max(1, images // 4)


Side = type(ours)


def report(scheme: str, runs: dict[str, list[Run]], given: argparse.Namespace) -> None:
    """One line a side, then the ratios."""
    print(
        f"{scheme}: {given.images} pictures of {given.hosts} hosts, {given.rounds} rounds; median (lowest to highest)"
    )
    print(f"{'':12} {'CPU ms a picture':24} {'without start-up':24} {'pictures/s':20} peak MB")
    for name, done in runs.items():
        print(
            f"{name:12} {spread([r.cpu_ms for r in done], '.2f'):24} "
            f"{spread([r.marginal_ms for r in done], '.2f'):24} {spread([r.rate for r in done], '.0f'):20} "
            f"{spread([r.cost.peak_mb for r in done], '.0f')}"
        )
    if len(runs) == 2:
        mine, other = runs.values()
        cpu, marginal, rate = (
            ratio(other, mine, "cpu_ms"),
            ratio(other, mine, "marginal_ms"),
            ratio(mine, other, "rate"),
        )
        print(
            f"ours: {cpu:.2f} times per CPU second ({marginal:.2f} without start-up), {rate:.2f} times per second"
        )


def spread(values: list[float], form: str) -> str:
    """Median (lowest to highest)."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def ratio(above: list[Run], below: list[Run], what: str) -> float:
    """Of the medians."""
    return statistics.median(getattr(r, what) for r in above) / statistics.median(
        getattr(r, what) for r in below
    )


if __name__ == "__main__":
    main()
