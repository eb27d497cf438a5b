"""What masking changes in real texts, and what it costs.

    python benchmarks/curate/masks.py [--data ../shared/data]

For each kind of texts: how many there are, how many change, CPU microseconds a text; then each change,
to be looked at.
"""

import argparse
import gzip
import json
import time
from pathlib import Path

from wit_builder.text.mask import KINDS, masked


def main() -> None:
    """Prints a table, then what changed."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    changed = []
    print("| texts | number | changed | us a text |\n| --- | --- | --- | --- |")
    for name, texts in kinds(arguments.parse_args().data).items():
        start = time.process_time()
        after = [masked(text, KINDS) for text in texts]
        took = 1e6 * (time.process_time() - start) / len(texts)
        found = [pair for pair in zip(texts, after, strict=True) if pair[0] != pair[1]]
        print(f"| {name} | {len(texts):,} | {len(found)} | {took:.1f} |")
        changed += found
    for before, after in changed:
        print(f"\n{before[-200:]}\n{after[-200:]}")


def kinds(data: Path) -> dict[str, list[str]]:
    """Texts that nobody chose for this."""
    books = [json.loads(line) for path in sorted((data / "captions").glob("*.jsonl")) for line in path.open()]
    sites = [image for page in lines(data / "sites/truth.jsonl.gz") for image in page["images"]]
    return {
        "alts of 313 web pages": [row["alt"] for row in lines(data / "text/alts-trafilatura.jsonl.gz")],
        "alts of 13 web sites": [alt for _, alt, _, _ in sites if alt],
        "photo captions": [row["text"] for row in lines(data / "text/captions-multi30k.jsonl.gz")],
        "textbook descriptions": [
            text for row in books for text in (row.get("alt"), row.get("caption")) if text
        ],
        "short sentences": [row["text"] for row in lines(data / "text/langid-tatoeba.jsonl.gz")],
    }


def lines(path: Path) -> list[dict]:
    """Objects of a packed jsonl file."""
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


if __name__ == "__main__":
    main()
