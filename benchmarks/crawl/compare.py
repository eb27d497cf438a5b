"""Pages per second and CPU per page, ours against Scrapy, on a site of our own.

    python benchmarks/crawl/compare.py [--pages 3000] [--rounds 3] [--concurrency 16]

Server and crawlers are processes of their own, and the crawlers take turns. CPU is the crawler's user and
system time from the first request to the last, start-up left out for both. Needs the extra `bench`.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

HERE = Path(__file__).parent
Run = dict[str, float]


@click.command()
@click.option("--pages", default=3000)
@click.option("--rounds", default=3)
@click.option("--concurrency", default=16)
def main(pages: int, rounds: int, concurrency: int) -> None:
    """Print a table; the ratio is that of the median CPU seconds per page."""
    ours: list[Run] = []
    scrapys: list[Run] = []
    with serving(pages) as port:
        for _ in range(rounds):
            ours.append(run_program("ours.py", port, pages, concurrency))
            scrapys.append(run_program("scrapys.py", port, pages, concurrency))
    print(f"{pages} pages, {concurrency} connections, {rounds} rounds; median (lowest to highest)")
    print("crawler       pages   images  pages/s                 CPU ms/page           peak MB")
    print(_row("wit-builder", ours))
    print(_row("scrapy", scrapys))
    print(f"ours does {_cost(scrapys) / _cost(ours):.1f} times Scrapy's pages per CPU second")


@contextmanager
def serving(pages: int) -> Iterator[int]:
    """The port of a site of that many pages, in a process of its own."""
    command = [sys.executable, str(HERE / "server.py"), str(pages)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin and server.stdout
        yield int(server.stdout.readline())
        server.stdin.close()


def run_program(program: str, *arguments: int) -> Run:
    """What a crawler prints of itself, run in a process of its own."""
    command = [sys.executable, str(HERE / program), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    run: Run = json.loads(done.stdout.splitlines()[-1])
    return run


def _row(name: str, runs: list[Run]) -> str:
    speed = _spread([run["pages"] / run["seconds"] for run in runs], "{:.0f}")
    cpu = _spread([1000 * run["cpu"] / run["pages"] for run in runs], "{:.2f}")
    peak = _spread([run["peak_mb"] for run in runs], "{:.0f}")
    return f"{name:12} {runs[0]['pages']:6.0f}  {runs[0]['images']:7.0f}  {speed:22}  {cpu:20}  {peak}"


def _spread(values: list[float], form: str) -> str:
    return f"{form} ({form} to {form})".format(statistics.median(values), min(values), max(values))


def _cost(runs: list[Run]) -> float:
    return statistics.median(run["cpu"] / run["pages"] for run in runs)


if __name__ == "__main__":
    main()
