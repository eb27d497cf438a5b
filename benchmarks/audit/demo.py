"""Recall and precision of an audit of the demo's shards, by what was done to the copies.

    python benchmarks/audit/demo.py out/audit out/demo out/demo-eval

The evaluation set says of each copy which picture of the demo web it was made from (truth.jsonl). Recall: of the
copies of pictures that are in the shards, those that the audit calls overlap. Right: those of which that very picture
is found. Precision: of all images called overlap, those that are copies.
"""

import json
from collections import Counter
from pathlib import Path

import click
import pyarrow.compute as pc
import pyarrow.parquet as pq


@click.command()
@click.argument("audit", type=Path)
@click.argument("build", type=Path)
@click.argument("held", type=Path)
def main(audit: Path, build: Path, held: Path) -> None:
    """Print a table."""
    pairs = pq.read_table(audit / "overlap.parquet").filter(pc.field("eval_set") == held.name)
    urls: dict[str, set[str]] = {}
    for row in pairs.filter(pc.field("overlap")).to_pylist():
        urls.setdefault(row["eval_id"], set()).add(row["url"])
    in_shards = {url for path in (build / "shards").glob("*.parquet") for url in published(path)}
    copies, found, right = Counter(), Counter(), Counter()
    wrong = set(urls)
    for line in (held / "truth.jsonl").read_text().splitlines():
        truth = json.loads(line)
        if truth["duplicate_of"] not in in_shards:
            continue
        wrong.discard(truth["key"])
        copies[truth["transform"]] += 1
        found[truth["transform"]] += truth["key"] in urls
        right[truth["transform"]] += truth["duplicate_of"] in urls.get(truth["key"], set())
    for transform in [*sorted(copies), ""]:
        counts = [one[transform] if transform else one.total() for one in (copies, found, right)]
        print(
            f"{transform or 'all':10} {counts[0]:4} copies, {counts[1]:4} found, {counts[2]:4} of the right picture"
        )
    print(f"recall {found.total() / copies.total():.1%}, precision {1 - len(wrong) / max(1, len(urls)):.1%}")


def published(sidecar: Path) -> list[str]:
    """The addresses of its samples."""
    rows = pq.read_table(sidecar, columns=["url", "status"])
    return rows.filter(pc.field("status") == "success").column("url").to_pylist()


if __name__ == "__main__":
    main()
