"""CPU of the frontier alone for a page of 31 links, 2 of them new: keys, look-up, insertion, hand-out, settling.

    python benchmarks/crawl/frontier.py

site: of the other 29 links 18 are a menu's, 8 lead to one of 200 sections, 3 anywhere. strewn: all 29 lead
anywhere, so that hardly any was met lately; no site is like that.
"""

import random
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from wit_builder.crawl.batch import PAGES
from wit_builder.crawl.frontier import Address, Frontier

HOSTS = 50
BATCHES, WARM_UP = 19, 8


def main() -> None:
    """Print a line for each size and kind of site."""
    print("known      links    µs/page  peak MB")
    for known in (10_000, 1_000_000):
        for kind in ("site", "strewn"):
            cost = measure(known, kind)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{known:9}  {kind:7}  {cost:7.0f}  {peak:7.0f}", flush=True)


def measure(known: int, kind: str) -> float:
    """Microseconds of CPU for a page."""
    with tempfile.TemporaryDirectory() as folder, Frontier(Path(folder) / "frontier.sqlite") as frontier:
        fill(frontier, known)
        links, due = pages(known, kind), addresses(frontier)
        spent = 0.0
        for batch in range(BATCHES):
            linked = [next(links) for _ in range(PAGES)]
            began = time.process_time()
            commit(frontier, linked, list(islice(due, PAGES)))
            spent += (time.process_time() - began) * (batch >= WARM_UP)
        return spent / (BATCHES - WARM_UP) / PAGES * 1e6


def fill(frontier: Frontier, known: int) -> None:
    """Let so many addresses in and begin their level."""
    for start in range(0, known, 8192):
        urls = [url(n) for n in range(start, min(known, start + 8192))]
        with frontier.transaction():
            frontier.add([address(*pair) for pair in frontier.unfamiliar(urls)], 16)
    with frontier.transaction():
        frontier.next_level()
        frontier.choose(known, None)


def commit(frontier: Frontier, linked: list[list[str]], done: list[Address]) -> None:
    """What a batch of pages costs."""
    found = {key: address(key, to) for urls in linked for key, to in frontier.unfamiliar(urls)}
    with frontier.transaction():
        frontier.add(list(found.values()), 32)
        frontier.settle(done)
        frontier.charge(Counter(one.host for one in done))


def pages(known: int, kind: str) -> Iterator[list[str]]:
    """The links of page after page."""
    rng = random.Random(2)
    for new in count(known, 2):
        if kind == "strewn":
            old = [rng.randrange(known) for _ in range(29)]
        else:
            section = rng.randrange(200) * 50
            old = [*range(18), *(section + rng.randrange(50) for _ in range(8))]
            old += [rng.randrange(known) for _ in range(3)]
        yield [url(n % known) for n in old] + [url(new), url(new + 1)]


def addresses(frontier: Frontier) -> Iterator[Address]:
    """What is chosen, 16 of a host at a time."""
    last = dict.fromkeys((number for number, _ in frontier.hosts(0, HOSTS)), b"")
    while True:
        for number in last:
            batch = frontier.addresses(number, last[number], 16)
            last[number] = batch[-1].key
            yield from batch


def url(number: int) -> str:
    """An address of common length."""
    return f"https://www.host{number % HOSTS}.example/section-{number % 977}/article-{number}-some-words.html"


def address(key: bytes, to: str) -> Address:
    """The address of a known shape; finding the host is not the frontier's part."""
    return Address(key, to[8 : to.index("/", 8)], to)


if __name__ == "__main__":
    main()
