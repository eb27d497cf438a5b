"""Microseconds per sample of `write_shard` against webdataset's ShardWriter, on the same samples.

    python benchmarks/shards/write_shard.py [FOLDER] [SAMPLES] [ROUNDS]

Both sides get the images in memory and the samples as records, and build the JSON with the same function.
webdataset's side writes the tar alone; ours writes tar, sidecar parquet and stats, syncs all three to the
disk, and reads them back for their SHA-256. The two tar writers are measured alone as well, and the
standard library's. The order is turned in each round; medians and the range are printed.
"""

import io
import random
import shutil
import statistics
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import webdataset

from wit_builder.records import Sample, Span, Text, candidate_id
from wit_builder.shards.sidecar import json_of, meta_of
from wit_builder.shards.tar import TarWriter
from wit_builder.shards.writer import ShardSpec, write_shard

SPEC = ShardSpec()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def main(folder: Path, count: int, rounds: int) -> None:
    """Measure and print."""
    images, samples = corpus(count)
    members = [
        (f"{key}.{ext}", data) for key, sample in keyed(samples) for ext, data in parts(key, sample, images)
    ]
    ways: dict[str, Callable[[Path], None]] = {
        "write_shard: tar, parquet, stats, fsync, sha256": lambda to: ours(to, samples, images),
        "webdataset.ShardWriter and json.dumps: tar only": lambda to: theirs(to, samples, images),
        "TarWriter, members given, fsync": lambda to: own_tar(to, members),
        "tarfile, members given": lambda to: standard_tar(to, members),
        "webdataset.TarWriter, members given": lambda to: webdataset_tar(to, members),
    }
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(rounds):
        names = list(ways)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            took[name].append(measured(ways[name], folder, count))
    size = statistics.mean(len(image) for image in images.values())
    print(f"{count} samples, images of {size / 1000:.1f} kB, {rounds} rounds, us per sample")
    for name, pairs in took.items():
        wall, cpu = ([pair[i] for pair in pairs] for i in (0, 1))
        print(f"{name:50} wall {spread(wall)}   cpu {spread(cpu)}")


def corpus(count: int) -> tuple[dict[str, bytes], list[Sample]]:
    """Samples like those of a crawl: random bytes of the size of 256 px JPEGs, 0 to 2 further texts."""
    chance = random.Random(7)
    images, samples = {}, []
    for number in range(count):
        url, caption = (
            f"https://www.example.org/media/2026/{number:06d}.jpg",
            f"Ein Rotmilan über dem Feld {number}",
        )
        id_ = candidate_id(url, caption)
        images[id_] = chance.randbytes(int(chance.lognormvariate(9.7, 0.5)))
        texts = tuple(Text(f"Rotmilane, Seite {number}", "title") for _ in range(number % 3))
        at = NOON + timedelta(seconds=number)
        samples.append(
            Sample(
                *(
                    id_,
                    url,
                    caption,
                    "alt",
                    texts,
                    "https://www.example.org/milane.html",
                    "Milane",
                    "de",
                    "",
                    "crawl",
                ),
                *(
                    at,
                    "de",
                    0.98,
                    "",
                    ("feld",),
                    (Span(0, 24, 28),),
                    url,
                    200,
                    "image/jpeg",
                    at,
                    181_000,
                    1024,
                    768,
                    341,
                    256,
                ),
                *(
                    f"{number:064x}",
                    f"{number:064x}",
                    100,
                    "",
                    "jpg",
                    "a.tar",
                    0,
                    len(images[id_]),
                ),
            )
        )
    return images, samples


def keyed(samples: list[Sample]) -> list[tuple[str, Sample]]:
    """Each sample with its key in shard 0."""
    return [(SPEC.key(0, number), sample) for number, sample in enumerate(samples)]


def parts(key: str, sample: Sample, images: dict[str, bytes]) -> list[tuple[str, bytes]]:
    """The sample's members, by extension."""
    meta = meta_of(sample, key)
    return [("jpg", images[sample.id]), ("json", json_of(meta)), ("txt", meta["caption"].encode())]


def ours(to: Path, samples: list[Sample], images: dict[str, bytes]) -> None:
    """A whole shard, as the pack stage writes it."""
    write_shard(to, 0, samples, lambda sample: images[sample.id], (), SPEC)


def theirs(to: Path, samples: list[Sample], images: dict[str, bytes]) -> None:
    """The tar of the same samples by webdataset."""
    with webdataset.ShardWriter(f"{to}/%05d.tar", maxcount=SPEC.samples_per_shard, verbose=0) as writer:
        for key, sample in keyed(samples):
            writer.write({"__key__": key} | dict(parts(key, sample, images)))


def own_tar(to: Path, members: list[tuple[str, bytes]]) -> None:
    """The tar alone, by our writer."""
    with TarWriter(to / "a.tar") as tar:
        for name, data in members:
            tar.add(name, data)


def standard_tar(to: Path, members: list[tuple[str, bytes]]) -> None:
    """The tar alone, by the standard library."""
    with tarfile.open(to / "a.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o444
            tar.addfile(info, io.BytesIO(data))


def webdataset_tar(to: Path, members: list[tuple[str, bytes]]) -> None:
    """The tar alone, by webdataset."""
    with webdataset.TarWriter(str(to / "a.tar"), encoder=False) as tar:
        for name, data in members:
            key, _, extension = name.partition(".")
            tar.write({"__key__": key, extension: data})


def measured(way: Callable[[Path], None], folder: Path, count: int) -> tuple[float, float]:
    """Wall and CPU microseconds per sample."""
    to = Path(tempfile.mkdtemp(dir=folder))
    wall, cpu = time.perf_counter(), time.process_time()
    way(to)
    took = (time.perf_counter() - wall) / count * 1e6, (time.process_time() - cpu) / count * 1e6
    shutil.rmtree(to)
    return took


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):6.1f} ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    arguments = [*sys.argv[1:], *[tempfile.gettempdir(), "10000", "5"][len(sys.argv) - 1 :]]
    main(Path(arguments[0]), int(arguments[1]), int(arguments[2]))
