"""Archives against cc2dataset and against the floor, the same files on both sides, in turns.

    python benchmarks/archive/compare.py --peer PYTHON [--rounds 5] [--spark] [--folder FOLDER]

PYTHON is that of a virtual environment with cc2dataset: `python -m venv peer && peer/bin/pip install -r
benchmarks/archive/peer.txt`; --spark, which runs its local Spark too, needs Java 17. CPU seconds are those of all
processes of a side; files are made first (make.py). Without --peer only the floor of WARC is measured.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
from make import warc, wats

from wit_builder.text.normalize import fold
from wit_builder.web.url import normalise

HERE = Path(__file__).parent
Run = dict[str, float]


@click.command()
@click.option("--peer", help="Python that has peer.txt installed.")
@click.option("--rounds", default=5)
@click.option("--spark", is_flag=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the files are or shall be.")
def main(peer: str | None, rounds: int, spark: bool, folder: Path | None) -> None:
    """Print a table for each claim; ratios are those of the median CPU seconds."""
    folder = folder or Path(tempfile.mkdtemp())
    files = wats(folder, 8, 3000)
    ours = [sys.executable, str(HERE / "ours.py")]
    if peer:
        theirs = [peer, str(HERE / "peers.py")]
        in_turns(
            "WAT, one file of 3,000 pages",
            rounds,
            [*ours, "function", files[0]],
            [*theirs, "function", files[0]],
        )
        in_turns(
            "the same, losses and parquet too",
            rounds,
            [*ours, "task", files[0]],
            [*theirs, "function", files[0]],
        )
        same_rows(ours, theirs, files[0])
    if peer and spark:
        outs = folder / "ours", folder / "theirs"
        whole = [*ours, "build", folder, outs[0]], [*theirs, "spark", folder, outs[1]]
        in_turns("WAT to deduplicated parquet, 8 files", max(1, rounds // 3), *whole, fresh=outs)
    pages = warc(folder)
    in_turns("WARC, 470 whole pages of the web", rounds, [*ours, "warc", pages], [*ours, "floor", pages])


def in_turns(
    title: str, rounds: int, ours: Sequence[object], theirs: Sequence[object], fresh: Sequence[Path] = ()
) -> None:
    """Both commands in turns; fresh: folders that are removed before each."""
    runs: tuple[list[Run], list[Run]] = ([], [])
    for _ in range(rounds):
        for command, told in zip((ours, theirs), runs, strict=True):
            for path in fresh:
                shutil.rmtree(path, ignore_errors=True)
            told.append(_run(command))
    costs = [[run["cpu"] for run in side] for side in runs]
    print(title)
    for name, side, cost in zip(("ours", "other"), runs, costs, strict=True):
        spread = f"{statistics.median(cost):.2f} ({min(cost):.2f} to {max(cost):.2f})"
        print(f"  {name:6} {spread:24} CPU s, {side[0]['rows']:7.0f} rows")
    print(f"  other / ours: {statistics.median(costs[1]) / statistics.median(costs[0]):.2f}")


def same_rows(ours: Sequence[object], theirs: Sequence[object], file: Path) -> None:
    """What became of the peer's rows with us: found, or why not."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "ours", Path(folder) / "theirs"
        for side, path in zip((ours, theirs), paths, strict=True):
            _run([*side, "function", file, path])
        mine, peers = (json.loads(path.read_bytes()) for path in paths)
    found = {tuple(row) for row in mine}
    urls = {row[0] for row in mine}
    became = Counter(_became(url, alt, found, urls) for url, alt in peers)
    print("  of the peer's rows: " + ", ".join(f"{n} {what}" for what, n in became.most_common()))


def _became(url: str, alt: str, found: set[tuple[str, str]], urls: set[str]) -> str:
    try:
        address, caption = normalise(url), fold(alt)
    except ValueError:
        return "no address"
    if not caption:
        return "without a text"
    if (address, caption) in found:
        return "found"
    return "found with a better text" if address in urls else "opted out, or page without an address"


def _run(command: Sequence[object]) -> Run:
    done = subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    )
    run: Run = json.loads(done.stdout.splitlines()[-1])
    return run


if __name__ == "__main__":
    main()
