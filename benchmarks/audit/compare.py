"""Matching an evaluation set with a training set from hashes that are kept: ours, faiss's flat index, imagededup.

    python benchmarks/audit/compare.py [--peer PYTHON] [--train 1000000] [--held 50000] [--small 10000] [--few 25]

Hashes are made here, each bit set with even chances; an image of the set in ten is within 0 to 60 bits of one
of the training images. The set has eight hashes an image, one a turn. Each side runs in a process of its own; CPU
seconds are without start-up (but for the stage), memory is the peak of a process.

- stage: what an audit runs, `stages.look` in two processes over hashes kept for shards of 10,000: CPU and wall time.
- wide: `search.search` alone, with the radius of that audit (31 bits and 16 more to look at); near: with 31.
- faiss: `IndexBinaryFlat` of the training set, `range_search` of some of the set's hashes, scaled to all of them; its
  work does not hang on the radius. Its pairs of those are compared with ours.
- imagededup (with --peer): its two searches; fewer images on both sides and nothing scaled, its hashes of 64 bits
  (ours of 256), eight to an image for both.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import click
import numpy as np

from wit_builder.audit import cached, search, stages
from wit_builder.audit.detectors import MARGIN, reach
from wit_builder.audit.perceptual import Pdq
from wit_builder.audit.search import Sought, nobody
from wit_builder.engine.local import LocalExecutor, Needs
from wit_builder.engine.stage import number, run_stage
from wit_builder.shardset.shard import Shard

TURNS, KEPT, PER_SHARD, ASKED = 8, 10, 10_000, 4_000
PDQ = Pdq()
NEAR, WIDE = reach("hash256", PDQ.threshold), reach("hash256", PDQ.threshold - MARGIN["hash256"])
METHODS = ("brute_force_cython", "bktree")


@click.group(invoke_without_command=True)
@click.option("--peer", help="Python that has peer.txt installed.")
@click.option("--train", default=1_000_000)
@click.option("--held", default=50_000)
@click.option("--small", default=10_000, help="Training images against imagededup.")
@click.option("--few", default=25, help="Images of the set against imagededup.")
@click.pass_context
def main(context: click.Context, peer: str | None, train: int, held: int, small: int, few: int) -> None:
    """Print a table."""
    if context.invoked_subcommand:
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "whole.npz")
        print(f"{train:,} training images, {held:,} of a set with {TURNS} hashes each")
        make(file, train, held)
        for side in ("stage", "near", "faiss"):
            shown(side, [sys.executable, __file__, "run", side, str(file)])
        if not peer:
            return
        print(f"{small:,} training images, {few:,} of a set with {TURNS} hashes each")
        make(file, small, few)
        for side in ("wide", "near"):
            shown(side, [sys.executable, __file__, "run", side, str(file)])
        for method in METHODS:
            shown(method, [peer, str(Path(__file__).with_name("theirs.py")), method, str(file)])


def shown(side: str, command: list[str]) -> None:
    """Run it, and print what it says."""
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])
    said = ", ".join(f"{key} {value:,}" for key, value in told.items() if key not in ("cpu", "peak_mb"))
    print(f"{side:20}{told['cpu']:10.4f} CPU-s {told['peak_mb']:7,.0f} MB  {said}", flush=True)


@main.command()
@click.argument("side")
@click.argument("file", type=Path)
def run(side: str, file: Path) -> None:
    """One side, in this process."""
    with np.load(file) as arrays:
        told = SIDES[side](arrays["train"], arrays["held"])
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    peak = children if side == "stage" else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak_mb": peak, **told}))


def stage(train: np.ndarray, held: np.ndarray) -> dict[str, float]:
    """The stage of an audit, in two processes."""
    with tempfile.TemporaryDirectory() as folder, closing(LocalExecutor(2)) as executor:
        root = Path(folder)
        arguments, params = written(root, train, held)
        began, before = time.monotonic(), children_cpu()
        run_stage(
            executor,
            root,
            "search",
            "wit_builder.audit.stages:look",
            number(arguments),
            params,
            Needs(),
            lambda *_: None,
        )
        wall = time.monotonic() - began
        executor.close()
        return {"cpu": children_cpu() - before, "wall_s": round(wall, 1), "tasks": len(arguments)}


def children_cpu() -> float:
    """CPU seconds of processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def written(root: Path, train: np.ndarray, held: np.ndarray) -> tuple[list, dict]:
    """The files that the stages before leave, and what the stage is given."""
    images = len(held) // TURNS
    np.savez(
        root / "held.npz",
        readable=np.ones(images, bool),
        degenerate=np.zeros(images, np.uint8),
        bytes=held[::TURNS],
        pixels=held[::TURNS],
        **{"pdq.rows": held, "pdq.image": np.repeat(np.arange(images), TURNS)},
        **{"pdq.turn": np.tile(np.arange(TURNS), images)},
    )
    (root / "told.json").write_text('{"tar": ""}')
    shards = []
    for start in range(0, len(train), PER_SHARD):
        rows = train[start : start + PER_SHARD]
        shard = Shard(str(root / f"{len(shards):05d}.tar"), 1, len(rows), "", "", 0)
        shards.append(shard)
        kept = cached.Kept(rows, np.arange(len(rows)), len(rows), 0)
        cached.write(
            cached.path(shard, PDQ, root / "kept"), kept, {"tar": "", "detector": PDQ.sha256, "sign": ""}
        )
    groups = stages.groups([shard.samples for shard in shards])
    arguments = [[[one, str(root / "told.json")] for one in group] for group in groups]
    params = {
        "shards": tuple(shards),
        "detectors": {"pdq": PDQ},
        "cache": str(root / "kept"),
        "held": (str(root / "held.npz"),),
        "counts": (images,),
        "thresholds": {"pdq": [PDQ.threshold]},
        "neighbours": KEPT,
    }
    return arguments, params


def within(radius: float, train: np.ndarray, held: np.ndarray) -> dict[str, float]:
    """The search alone."""
    sought = asked(held, radius)
    found = nobody(len(held) // TURNS, KEPT)
    search.search(sought, train[:100], np.arange(100), nobody(len(held) // TURNS, KEPT))  # compiled
    began = time.process_time()
    for start in range(0, len(train), search.most(sought)):
        rows = train[start : start + search.most(sought)]
        search.search(sought, rows, np.arange(start, start + len(rows)), found)
    return {"cpu": time.process_time() - began, "neighbours": int((found.other >= 0).sum())}


def wide(train: np.ndarray, held: np.ndarray) -> dict[str, float]:
    """With what a gallery shows."""
    return within(WIDE, train, held)


def near(train: np.ndarray, held: np.ndarray) -> dict[str, float]:
    """What is overlap."""
    return within(NEAR, train, held)


def in_faiss(train: np.ndarray, held: np.ndarray) -> dict[str, float]:
    """Some of the set's hashes, and whether ours finds the same."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexBinaryFlat(256)
    index.add(train.view(np.uint8))
    some = held[: ASKED // TURNS * TURNS]
    began = time.process_time()
    limits, _far, which = index.range_search(some.view(np.uint8), int(WIDE) + 1)  # below, not at
    cpu = (time.process_time() - began) * len(held) / len(some)
    query = np.repeat(np.arange(len(some)), np.diff(limits.astype(np.int64)))
    theirs = {(int(q) // TURNS, int(w)) for q, w in zip(query, which, strict=True)}
    found = nobody(len(some) // TURNS, 100)
    search.search(asked(some, WIDE), train, np.arange(len(train)), found)
    image, rank = np.nonzero(found.other >= 0)
    ours = set(zip(image.tolist(), found.other[image, rank].tolist(), strict=True))
    return {"cpu": cpu, "asked": len(some), "pairs": len(theirs), "differ": len(ours ^ theirs)}


def asked(held: np.ndarray, radius: float) -> Sought:
    """The set as a search has it."""
    images = len(held) // TURNS
    image, turn = np.repeat(np.arange(images), TURNS), np.tile(np.arange(TURNS), images)
    return Sought("hash256", held, image, turn, np.full(images, radius), np.zeros(images, np.int64), 1)


SIDES = {"stage": stage, "wide": wide, "near": near, "faiss": in_faiss}


def make(file: Path, train: int, held: int) -> None:
    """Hashes of so many training images, and of so many of a set, eight each: uint64 [n, 4]."""
    rng = np.random.default_rng(0)
    rows, images = (rng.integers(0, 2**64, (n, 4), np.uint64) for n in (train, held * TURNS))
    for image in range(0, held, 10):
        turned = np.zeros(256, np.uint8)
        turned[rng.choice(256, rng.integers(0, 61), replace=False)] = 1
        images[image * TURNS + image % TURNS] = rows[rng.integers(train)] ^ np.packbits(turned).view(
            np.uint64
        )
    np.savez(file, train=rows, held=images)


if __name__ == "__main__":
    main()
