"""imagededup's search: `python theirs.py METHOD FILE`, run by the peer's Python.

FILE (npz) has `train` and `held`, uint64 [n, 4], of which the first 64 bits are its hashes. Its way: a dictionary of
16 hex digits each, PHash's distance, its default threshold (10 of 64 bits), one process in its pool.
"""

import json
import resource
import sys

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


if __name__ == "__main__":
    method, file = sys.argv[1:]
    with np.load(file) as arrays:
        train, held = (
            named(arrays["train"][:, 0]),
            {f"q{n}": one for n, one in named(arrays["held"][:, 0]).items()},
        )
    began = used()
    evaluated = HashEval(train, held, PHash.hamming_distance, False, THRESHOLD, method, num_dist_workers=0)
    found = evaluated.retrieve_results(scores=False)
    cpu = used() - began
    peak = max(resource.getrusage(who).ru_maxrss for who in EVERY) / 1024
    print(json.dumps({"cpu": cpu, "peak_mb": peak, "pairs": sum(map(len, found.values()))}))
