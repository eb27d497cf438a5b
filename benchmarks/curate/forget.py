"""What removal costs: one sample of a shard forgotten, and lists of a million entries looked up.

    python benchmarks/curate/forget.py [SAMPLES] [ROUNDS]

A build of one shard of SAMPLES (10,000) random images of 18.6 kB; one of them is forgotten by its URL, as
`wit forget` does it: scan, tar, sidecar, stats, manifest, card and report, everything synced. Then lists of random
hashes and addresses are read from text, brought into a run's file and loaded, and pictures are looked up one by
one, as a fetch task does. CPU time; memory is what the loaded lists add to the process.
"""

import asyncio
import gc
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from shards.write_shard import SPEC, corpus

from wit_builder import ledger, publish, storage
from wit_builder.blocklist import blocked, lists
from wit_builder.blocklist.settings import Blocklist
from wit_builder.curation import tables
from wit_builder.forget import build, request
from wit_builder.ledger import Funnel
from wit_builder.records import CANDIDATE_SCHEMA, to_table
from wit_builder.shards import manifest
from wit_builder.shards.writer import write_shard

LOOKED_UP = 200
LISTS = [("sha256", 10**6), ("urls", 10**6), *(("pdq", 10**power) for power in (4, 5, 6))]


def main(samples: int, rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        made = written(Path(folder, "made"), samples)
        print(f"one of {samples:,} samples forgotten: CPU {forgotten(made, Path(folder, 'out'), rounds)}")
        for kind, count in LISTS:
            with ProcessPoolExecutor(1, get_context("spawn")) as fresh:  # for its memory
                print(f"{kind} {count:>9,}: {fresh.submit(looked_up, Path(folder), kind, count).result()}")


def written(out: Path, count: int) -> Path:
    """A finished build of one shard."""
    images, samples = corpus(count)
    (out / "shards").mkdir(parents=True)
    manifest.write_manifest(
        out, [write_shard(out / "shards", 0, samples, lambda sample: images[sample.id], (), SPEC)]
    )
    tables.write_parquet(out / "candidates" / "part-00000.parquet", to_table(samples, CANDIDATE_SCHEMA))
    ledger.write(out, [])
    funnel = Funnel()
    for stage in ("extract", "select", "fetch", "clean"):
        funnel[stage].kept = count
    storage.write_json(out / "funnel.json", funnel.as_json())
    publish.write_state(out, {"name": "bench"}, "complete")
    return out


def forgotten(made: Path, out: Path, rounds: int) -> str:
    """Seconds to forget one."""
    url = "https://www.example.org/media/2026/000007.jpg"
    took, walls = [], []
    for _ in range(rounds):
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(made, out)
        stones = request.asked({"url": [url]}, None, 31, "", datetime.now(UTC))
        wall = time.monotonic()
        took.append(cpu(lambda stones=stones: build.forget(out, stones))[0])
        walls.append(time.monotonic() - wall)
    return f"{spread(took)} s, wall {spread(walls)} s"


def looked_up(folder: Path, kind: str, count: int) -> str:
    """What a list costs once, and a picture or an address."""
    path, chance = folder / f"{kind}.txt", random.Random(1)
    with path.open("w") as file:
        for _ in range(count):
            line = f"{chance.getrandbits(256):064x}"
            file.write(f"https://www.{line[:6]}.example/{line}.jpg\n" if kind == "urls" else line + "\n")
    reading, entries = cpu(lambda: lists.read(Blocklist(**{kind: (str(path),)})))
    listed = blocked.write(folder, entries)
    del entries
    gc.collect()
    before = resident()
    loading, found = cpu(lambda: blocked._loaded.__wrapped__(listed))
    more = resident() - before
    asked = [f"{chance.getrandbits(256):064x}" for _ in range(LOOKED_UP)]
    took = cpu(lambda: asyncio.run(ask(found, kind, asked)))[0] / LOOKED_UP * 1e3
    return f"read {reading:.2f} s, load {loading:.2f} s, {more / 1e6:.0f} MB, {took:.3f} ms each"


async def ask(found: blocked.Blocked, kind: str, words: list[str]) -> None:
    """Look all of them up, one after the other."""
    for word in words:
        if kind == "urls":
            found.check_address(f"https://www.other.example/{word}.jpg")
        else:
            await found.check_picture(word, word)


def cpu(call: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of all threads, and what came of it."""
    began = time.process_time()
    value = call()
    return time.process_time() - began, value


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def spread(values: list[float]) -> str:
    """Median, and the range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]) if len(sys.argv) > 2 else (10_000, 5))
