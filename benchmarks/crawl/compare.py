"""Pages per second and CPU per page, ours against Scrapy, on a site of our own.

    python benchmarks/crawl/compare.py [--pages 3000] [--rounds 3] [--concurrency 16]

Server and crawlers are processes of their own, and take turns; CPU is user and system time of the crawler from
the first request to the last, start-up left out for both. Needs the extra `bench`.
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


@click.command()
@click.option("--pages", default=3000)
@click.option("--rounds", default=3)
@click.option("--concurrency", default=16)
def main(pages: int, rounds: int, concurrency: int) -> None:
    """Print a table; the ratio is that of the median CPU seconds per page."""
    results: dict[str, list[dict[str, float]]] = {"wit-builder": [], "scrapy": []}
    with site(pages) as port:
        for _ in range(rounds):
            results["wit-builder"].append(_run("ours.py", port, pages, concurrency))
            results["scrapy"].append(_run("scrapys.py", port, concurrency))
    print(f"{pages} pages, {concurrency} connections, {rounds} rounds; median (lowest to highest)")
    print("crawler       pages   images  pages/s                 CPU ms/page           peak MB")
    for name, runs in results.items():
        speed = _spread([run["pages"] / run["seconds"] for run in runs], "{:.0f}")
        cpu = _spread([1000 * run["cpu"] / run["pages"] for run in runs], "{:.2f}")
        peak = _spread([run["peak_mb"] for run in runs], "{:.0f}")
        print(f"{name:12} {runs[0]['pages']:6.0f}  {runs[0]['images']:7.0f}  {speed:22}  {cpu:20}  {peak}")
    ratio = _cost(results["scrapy"]) / _cost(results["wit-builder"])
    print(f"ours does {ratio:.1f} times Scrapy's pages per CPU second")


@contextmanager
def site(pages: int) -> Iterator[int]:
    """The port of a server of that many pages, in a process of its own."""
    command = [sys.executable, str(HERE / "server.py"), str(pages)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin and server.stdout
        yield int(server.stdout.readline())
        server.stdin.close()


def _run(program: str, *arguments: int) -> dict[str, float]:
    command = [sys.executable, str(HERE / program), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _spread(values: list[float], form: str) -> str:
    return " ".join((form, f"({form} to {form})")).format(statistics.median(values), min(values), max(values))


def _cost(runs: list[dict[str, float]]) -> float:
    return statistics.median(run["cpu"] / run["pages"] for run in runs)


if __name__ == "__main__":
    main()
