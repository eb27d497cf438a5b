"""Shards to train on, of real captions and photographs: img2dataset's members, JPEGs with a short side of 256.

    python benchmarks/train/shards.py FOLDER [--count 2000] [--shards 8] [--side 256] [--texts alts]

Captions are those of the textbooks in the shared data (52 tokens on average) or, with `--texts alts`, alternative
texts of 313 pages of the web (14 tokens); images' shapes are the textbooks'. Their images are 144 px there, so the
pixels are parts of the larger photographs of the sites (benchmarks/images/corpus.py), made that shape, quality 95 as
img2dataset writes by default.
"""

import argparse
import gzip
import json
import sys
from io import BytesIO
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "images"))
import corpus
from PIL import Image

from wit_builder.shards.tar import TarWriter


def main() -> None:
    """Writes the shards and says what they are."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--count", type=int, default=2000)
    arguments.add_argument("--shards", type=int, default=8)
    arguments.add_argument("--side", type=int, default=256)
    arguments.add_argument("--texts", choices=["textbooks", "alts"], default="textbooks")
    arguments.add_argument("--data", type=Path, default=corpus.DATA)
    given = arguments.parse_args()
    written = make(given.folder, given.count, given.shards, given.side, given.data, given.texts)
    print(f"{given.count} samples in {given.shards} shards, {written / given.count / 1024:.0f} KiB each")


def make(folder: Path, count: int, shards: int, side: int, data: Path, kind: str = "textbooks") -> int:
    """Write the shards 00000.tar and on; their bytes in all."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = [
        row
        for file in sorted((data / "captions").glob("*.jsonl"))
        for row in map(json.loads, file.read_text().splitlines())
        if row["alt"] or row["caption"]
    ]
    if kind == "alts":
        with gzip.open(data / "text" / "alts-trafilatura.jsonl.gz") as lines:
            alts = [json.loads(line)["alt"] for line in lines]
        texts = [row | {"alt": alts[number % len(alts)]} for number, row in enumerate(texts)]
    written = 0
    for shard in range(shards):
        numbers = range(count * shard // shards, count * (shard + 1) // shards)
        with TarWriter(folder / f"{shard:05d}.tar") as tar:
            for at, number in enumerate(numbers):
                _add(
                    tar,
                    f"{shard:05d}{at:04d}",
                    texts[number % len(texts)],
                    Random(f"train:{number}"),
                    side,
                    data,
                )
        written += tar.size
    return written


def _add(tar: TarWriter, key: str, row: dict[str, str], draw: Random, side: int, data: Path) -> None:
    width, height = int(row["orig_width"]), int(row["orig_height"])
    scale = side / min(width, height)
    size = (min(1000, round(width * scale)), min(1000, round(height * scale)))
    photograph = corpus._photograph(draw, (size[0] * 2, size[1] * 2), data)
    body = BytesIO()
    photograph.resize(size, Image.Resampling.LANCZOS).save(body, "JPEG", quality=95)
    caption = row["alt"] or row["caption"]
    fields = {"caption": caption, "url": row["image"], "key": key, "status": "success", "error_message": None}
    fields |= {"width": size[0], "height": size[1], "original_width": width, "original_height": height}
    tar.add(f"{key}.jpg", body.getvalue())
    tar.add(f"{key}.txt", caption.encode())
    tar.add(f"{key}.json", json.dumps(fields).encode())


if __name__ == "__main__":
    main()
