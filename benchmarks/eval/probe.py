"""The linear probe against CLIP_benchmark's: the same set, checkpoint and machine, in one run.

    python benchmarks/eval/probe.py --peer PEER/bin/python --model MODEL.json --checkpoint EPOCH.pt [--rounds 3]
    python benchmarks/eval/probe.py --model MODEL.json --checkpoint EPOCH.pt        the search alone

The peer is a Python that has clip_benchmark (benchmarks/eval/peer.txt); its probe wants CUDA, see probe_peer.py. Both
are whole commands from an empty cache: images are embedded, the strength of the penalty is found on the split val, a
fifth of the images to learn from, the last fit is on all of those, the test images are judged once. Then the search
alone on the features that are there: in 64 bits, in 32, and with scikit-learn's L-BFGS. All is fp32: in bf16 the
peer's probe fails; it reads without processes of its own, which start anew at each epoch otherwise. CPU seconds are
those of all processes.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent


class Took(NamedTuple):
    """What one command came to."""

    wall: float  # seconds
    cpu: float
    acc1: float


def main() -> None:
    """Runs both in turn, prints the table, and one of the search."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--peer", type=Path, help="Python with clip_benchmark")
    arguments.add_argument("--model", required=True, help="its config, as JSON")
    arguments.add_argument("--checkpoint", type=Path, required=True)
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--most", type=int, help="images of a split")
    arguments.add_argument("--data", type=Path, default=HERE.parents[2] / "shared" / "data")
    given = arguments.parse_args()
    from sets import make

    with tempfile.TemporaryDirectory() as scratch:
        make(given.data, "cifar10", Path(scratch) / "cifar10", given.most)
        took: dict[str, list[Took]] = {"clip_benchmark": [], "wit eval": []}
        for _ in range(given.rounds if given.peer else 0):
            for name, command in (("clip_benchmark", _theirs), ("wit eval", _ours)):
                with tempfile.TemporaryDirectory() as out:
                    took[name].append(_measured(command(given, Path(scratch), Path(out)), Path(out)))
                print(name, took[name][-1], file=sys.stderr, flush=True)
        if given.peer:
            _print(took)
        _search(given, Path(scratch))


def _theirs(given: argparse.Namespace, sets: Path, out: Path) -> list[str]:
    words = [given.peer, HERE / "probe_peer.py", given.model, "eval", "--model", Path(given.model).stem]
    words += [
        "--pretrained",
        given.checkpoint,
        "--task",
        "linear_probe",
        "--val_split",
        "val",
        "--no_amp",
        "--num_workers",
        0,
    ]
    words += ["--dataset", "wds/cifar10", "--dataset_root", sets / "cifar10", "--output", out / "cb.json"]
    return [str(word) for word in [*words, "--feature_root", out / "features"]]


def _ours(given: argparse.Namespace, sets: Path, out: Path) -> list[str]:
    words = [sys.executable, "-m", "wit_builder", "eval", "--model", given.model]
    words += ["--checkpoint", given.checkpoint, "--tasks", "linear-probe", "--eval-set", sets / "cifar10"]
    words += ["--precision", "fp32", "--out", out / "results", "--cache", out / "cache"]
    return [str(word) for word in words]


def _measured(command: list[str], out: Path) -> Took:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    wall = time.monotonic() - began
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = next(
        path for path in (out / "cb.json", *out.glob("results/clip_benchmark/*.json")) if path.exists()
    )
    acc1 = json.loads(told.read_text())["metrics"]["lp_acc1"]
    return Took(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, acc1)


def _print(took: dict[str, list[Took]]) -> None:
    print("| linear probe | wall, s | CPU, s | accuracy |\n| --- | --- | --- | --- |")
    for name, some in took.items():
        wall, cpu, acc1 = (statistics.median(one[at] for one in some) for at in range(3))
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {acc1:.1%} |")


def _search(given: argparse.Namespace, sets: Path) -> None:
    """The whole search and the last fit, in this process, on one thread."""
    import torch
    from threadpoolctl import threadpool_limits

    from wit_builder.evalset.sets import read
    from wit_builder.evaluate import logistic, metrics, probe
    from wit_builder.evaluate.embed import embed
    from wit_builder.evaluate.training import Samples
    from wit_builder.model.loaded import opened
    from wit_builder.model.ranks import Ranks

    loaded, alone = opened(given.model, str(given.checkpoint)), Ranks(0, 1, torch.device("cpu"))
    splits = [read(sets / "cifar10", split) for split in ("train", "val", "test")]
    train, held, test = (
        Samples(embed(loaded, one, alone, sets / "cache", "fp32").features, one.labels) for one in splits
    )
    torch.set_num_threads(1)
    ours = logistic.Regression

    def wide(*data: Any, **_: Any) -> Any:
        return ours(*data, bits=64)

    def narrow(*data: Any, **_: Any) -> Any:
        return ours(*data, bits=32)

    print(f"\n{train.features.shape[0]:,} images of {train.features.shape[1]:,} features")
    print(
        "| search and last fit | CPU, s | strength | accuracy | converged |\n| --- | --- | --- | --- | --- |"
    )
    for name, regression in (("64 bits", wide), ("32 bits", narrow), ("scikit-learn", _ScikitLearn)):
        probe.Regression = regression  # type: ignore[assignment,attr-defined]
        began = time.process_time()
        with threadpool_limits(1):
            found = probe.probe(train, held, test.features, lambda *of: metrics.value("acc1", *of))
        seconds = time.process_time() - began
        acc1 = metrics.value("acc1", test.labels, found.logits)
        row = f"| {name} | {seconds:.1f} | {found.strength:.3g} | {acc1:.1%} | {found.converged} |"
        print(row, flush=True)


class _ScikitLearn:
    """`logistic.Regression` by scikit-learn's L-BFGS as it is."""

    bits = 64

    def __init__(self, features: Any, labels: Any, **_: Any) -> None:
        self._data = features.astype("float64"), labels

    def fit(self, strength: float, _near: object = None) -> Any:
        from sklearn.linear_model import LogisticRegression

        from wit_builder.evaluate.logistic import Linear

        fit = LogisticRegression(C=1 / strength, max_iter=1000).fit(*self._data)
        return Linear(fit.coef_.T, fit.intercept_, bool(fit.n_iter_[0] < 1000))


if __name__ == "__main__":
    main()
