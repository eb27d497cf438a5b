"""imagededup: `python theirs.py METHOD FILE` searches, `python theirs.py encode FOLDER` hashes; by the peer's Python.

FILE (npz) has `train` and `held`, uint64 [n, 4], of which the first 64 bits are its hashes. Its way: a dictionary of
16 hex digits each, PHash's distance, its default threshold (10 of 64 bits), one process in its pool.
"""

import json
import resource
import sys
from pathlib import Path

import numpy as np
from imagededup.handlers.search.retrieval import HashEval
from imagededup.methods import PHash

THRESHOLD = 10
EVERY = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def named(hashes: np.ndarray) -> dict[str, str]:
    """As its encodings are."""
    return {str(n): f"{int(one):016x}" for n, one in enumerate(hashes)}


def used() -> float:
    """CPU seconds of this process and of those that it had."""
    return sum(sum(resource.getrusage(who)[:2]) for who in EVERY)


def search(method: str, file: str) -> dict[str, float]:
    """Of each image of the set those that are near."""
    with np.load(file) as arrays:
        train, held = named(arrays["train"][:, 0]), named(arrays["held"][:, 0])
    began = used()
    queries = {f"q{n}": one for n, one in held.items()}
    evaluated = HashEval(train, queries, PHash.hamming_distance, False, THRESHOLD, method, num_dist_workers=0)
    found = evaluated.retrieve_results(scores=False)
    peak = max(resource.getrusage(who).ru_maxrss for who in EVERY) / 1024
    return {"cpu": used() - began, "peak_mb": peak, "pairs": sum(map(len, found.values()))}


def encode(folder: str) -> dict[str, float]:
    """The hash of each file."""
    paths = sorted(Path(folder).iterdir())
    hasher = PHash(verbose=False)
    began = used()
    for path in paths:
        hasher.encode_image(path)
    return {"cpu": used() - began, "images": len(paths)}


if __name__ == "__main__":
    method, what = sys.argv[1:]
    print(json.dumps(encode(what) if method == "encode" else search(method, what)))
