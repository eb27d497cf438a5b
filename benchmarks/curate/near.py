"""Near-duplicates among a million hashes: ours, beside faiss's flat binary index.

    python benchmarks/curate/near.py [--count 1000000] [--queries 20000] [--radius 31]

The hashes are made here, as PDQ's are: half of the 256 bits are set. One in ten is within 0 to 40 bits of
another, one in ten is one of a cluster (a template, a logo) of 2 to 5,000. Each side runs in a process of its own;
what is printed is CPU seconds without start-up, and the peak of its memory.

- ours: `near.links` of all blocks, one task.
- each: the same where each hash is compared with each (a bucket for all), on a twentieth of the hashes, scaled.
- faiss: `IndexBinaryFlat.range_search` of some of the hashes against all, scaled to all of them; half of that is
  what a search of each pair once would take. Its pairs tell whether ours are right: any two within the radius are in
  one group of ours, and no group of ours holds two that no chain of its pairs connects.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import click
import numpy as np

from wit_builder.curation import groups, near

NOBODY = np.zeros((4, 0), np.uint64)


@click.group(invoke_without_command=True)
@click.option("--count", default=1_000_000)
@click.option("--queries", default=20_000)
@click.option("--radius", default=31)
@click.pass_context
def main(context: click.Context, count: int, queries: int, radius: int) -> None:
    """Print a table."""
    if context.invoked_subcommand:
        return
    print(f"{count:,} hashes, radius {radius}")
    for side in ("ours", "alike", "each", "faiss"):
        command = [sys.executable, __file__, "run", side, str(count), str(queries), str(radius)]
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        print(f"{side:6} {told['cpu']:9.1f} CPU-s {told['peak_mb']:7,.0f} MB  {told['said']}", flush=True)


@main.command()
@click.argument("side")
@click.argument("count", type=int)
@click.argument("queries", type=int)
@click.argument("radius", type=int)
def run(side: str, count: int, queries: int, radius: int) -> None:
    """One side, in this process."""
    cpu, said = SIDES[side](made(count), queries, radius)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu": cpu, "peak_mb": peak, "said": said}))


def ours(hashes: np.ndarray, _: int, radius: int) -> tuple[float, str]:
    """All of them."""
    words = words_of(hashes)
    linked(words[:, :20_000].copy(), radius)  # compiled
    cpu, links = linked(words, radius)
    component = groups.components(len(hashes), [links])
    return cpu, f"{len(np.unique(component)):,} groups"


def alike(hashes: np.ndarray, _: int, radius: int) -> tuple[float, str]:
    """As many hashes that all lie around one."""
    rng = np.random.default_rng(1)
    for start in range(0, len(hashes), 10_000):
        near_by = rng.random((len(hashes[start : start + 10_000]), 256)) < 0.04
        hashes[start : start + 10_000] = hashes[0] ^ np.packbits(near_by, axis=1)
    words = words_of(hashes)
    linked(words[:, :20_000].copy(), radius)
    cpu, links = linked(words, radius)
    return cpu, f"all around one: {len(hashes) - len(links[0]):,} groups"


def each(hashes: np.ndarray, _: int, radius: int) -> tuple[float, str]:
    """Each with each."""
    words = words_of(hashes[: len(hashes) // 20])
    linked(words[:, :1_000].copy(), radius, 1)
    cpu, _links = linked(words, radius, 1)
    return cpu * 400, f"scaled from {words.shape[1]:,} hashes"


def in_faiss(hashes: np.ndarray, queries: int, radius: int) -> tuple[float, str]:
    """Some against all, and whether our groups hold what it finds."""
    import faiss

    index = faiss.IndexBinaryFlat(256)
    index.add(hashes)
    asked = np.random.default_rng(2).choice(len(hashes), queries, replace=False)
    began = time.process_time()
    limits, _, found = index.range_search(hashes[asked], radius + 1)  # below, not at
    cpu = (time.process_time() - began) * len(hashes) / queries
    component = groups.components(len(hashes), [linked(words_of(hashes), radius)[1]])
    left = np.repeat(asked, np.diff(limits.astype(np.int64)))
    missed = np.count_nonzero(component[left] != component[found])
    alone = np.setdiff1d(asked, left[left != found])
    sizes = np.bincount(component)
    wrong = np.count_nonzero(sizes[component[alone]] > 1)
    pairs = np.count_nonzero(left != found)
    told = f"{pairs:,} pairs, {missed} missed by us; {wrong} of {len(alone):,} that are alone not so with us"
    return cpu, f"scaled from {queries:,} queries: {told}"


SIDES: dict[str, Callable[[np.ndarray, int, int], tuple[float, str]]] = {
    "ours": ours,
    "alike": alike,
    "each": each,
    "faiss": in_faiss,
}


def linked(words: np.ndarray, radius: int, of: int | None = None) -> tuple[float, groups.Links]:
    """CPU seconds, and the links."""
    of = of or near.blocks(words.shape[1], 0, radius)
    began = time.process_time()
    links = near.links(words, NOBODY, radius, range(of), of)
    return time.process_time() - began, links


def words_of(hashes: np.ndarray) -> np.ndarray:
    """As `near` has them."""
    return np.ascontiguousarray(hashes.view(np.uint64).T)


def made(count: int) -> np.ndarray:
    """Rows of 32 bytes."""
    rng = np.random.default_rng(0)
    hashes = np.empty((count, 32), np.uint8)
    for start in range(0, count, 50_000):
        some = hashes[start : start + 50_000]
        some[:] = np.packbits(rng.random((len(some), 256)).argsort(axis=1) < 128, axis=1)
    rows = rng.permutation(count)
    pairs, clustered = np.array_split(rows[: count // 5], 2)
    hashes[pairs] = turned(
        rng, hashes[rng.choice(rows[count // 5 :], len(pairs))], rng.integers(0, 41, len(pairs))
    )
    while len(clustered):
        size = int(np.exp(rng.uniform(np.log(2), np.log(5_000))))
        cluster, clustered = clustered[:size], clustered[size:]
        hashes[cluster] = turned(
            rng, hashes[np.repeat(cluster[0], len(cluster))], rng.integers(0, 30, len(cluster))
        )
    return hashes


def turned(rng: np.random.Generator, hashes: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """The hashes with so many of their bits turned over."""
    out = hashes.copy()
    for start in range(0, len(hashes), 50_000):
        some = slice(start, start + 50_000)
        places = rng.random((len(hashes[some]), 256)).argsort(axis=1)
        out[some] ^= np.packbits(places < bits[some, None], axis=1)
    return out


if __name__ == "__main__":
    main()
