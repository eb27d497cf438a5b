"""Real photographs as evaluation sets in CLIP_benchmark's layout: cifar10, clothing, imagenet-samples.

python benchmarks/eval/sets.py OUT [--data ../shared/data]
"""

import argparse
import io
import json
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

TEMPLATES = (
    "a photo of a {c}.",
    "a blurry photo of a {c}.",
    "a photo of the small {c}.",
    "a picture of clothing: {c}.",
)
SHARDS = 4
NAMES = ("cifar10", "clothing", "imagenet-samples")
Sample = tuple[bytes, int]


def main() -> None:
    """Write them all."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    given = arguments.parse_args()
    for name in NAMES:
        make(given.data, name, given.out / name)


def make(data: Path, name: str, out: Path, most: int | None = None) -> int:
    """Write that set, or some of its images, as they are, into the folder; returns how many the test split has."""
    with zipfile.ZipFile(data / "eval" / f"{name}.zip") as archive:
        return {"cifar10": _cifar10, "clothing": _clothing, "imagenet-samples": _imagenet}[name](
            data, archive, out, most
        )


def _cifar10(data: Path, archive: zipfile.ZipFile, out: Path, most: int | None) -> int:
    told = json.loads((data / "prompts" / "datasets.json").read_bytes())["datasets"]["CIFAR10"]
    classes = sorted({path.split("/")[1] for path in archive.namelist()})
    _texts(out, classes, told["templates"])
    train, test = (
        sorted(path for path in archive.namelist() if path.startswith(one)) for one in ("train", "test")
    )
    val = train[::5]  # a fifth of each class: 300 images in succession
    for split, found in (("train", sorted({*train} - {*val})), ("val", val), ("test", test)):
        paths = _some(found, most)
        _write(out, split, ((archive.read(path), classes.index(path.split("/")[1])) for path in paths))
    return len(paths)


def _clothing(data: Path, archive: zipfile.ZipFile, out: Path, most: int | None) -> int:
    rows = [json.loads(line) for line in (data / "eval" / "clothing.jsonl").read_text().splitlines()]
    classes = sorted({row["label"] for row in rows})
    _texts(out, classes, TEMPLATES)
    rows = _some(rows, most)
    _write(out, "test", ((archive.read(row["image"]), classes.index(row["label"])) for row in rows))
    return len(rows)


def _imagenet(data: Path, archive: zipfile.ZipFile, out: Path, most: int | None) -> int:
    told = json.loads((data / "prompts" / "imagenet.json").read_bytes())
    rows = [json.loads(line) for line in (data / "eval" / "imagenet-samples.jsonl").read_text().splitlines()]
    _texts(out, told["classes"], told["seven_template_subset"])
    rows = _some(rows, most)
    _write(out, "test", ((archive.read(row["image"]), row["index"]) for row in rows))
    return len(rows)


def _some(items: list[Any], most: int | None) -> list[Any]:
    """So many of them, from all over."""
    return items[:: max(1, len(items) // most)][:most] if most else items


def _texts(out: Path, classes: Sequence[str], templates: Sequence[str]) -> None:
    out.mkdir(parents=True)
    (out / "classnames.txt").write_text("".join(f"{name}\n" for name in classes))
    lines = (f"{template.replace('{}', '{c}')}\n" for template in templates)
    (out / "zeroshot_classification_templates.txt").write_text("".join(lines))


def _write(out: Path, split: str, samples: Iterable[Sample]) -> None:
    """In SHARDS tars: CLIP_benchmark reads with four processes, and each wants one."""
    (out / split).mkdir()
    with ExitStack() as stack:
        tars = [
            stack.enter_context(tarfile.open(out / split / f"{shard}.tar", "w", format=tarfile.USTAR_FORMAT))
            for shard in range(SHARDS)
        ]
        for number, (image, label) in enumerate(samples):
            for kind, body in (("jpg", image), ("cls", str(label).encode())):
                member = tarfile.TarInfo(f"s{number:07d}.{kind}")
                member.size = len(body)
                tars[number % SHARDS].addfile(member, io.BytesIO(body))
    (out / split / "nshards.txt").write_text(str(SHARDS))


if __name__ == "__main__":
    main()
