"""Small shards for the tests of the data side: ours, img2dataset's, and such as nobody should write."""

import io
import json
import tarfile
from functools import cache

import numpy as np
from PIL import Image

from wit_builder.shards.tar import TarWriter


@cache
def jpeg(number=0, size=(48, 40), format="JPEG"):
    """A picture of noise, another one for each number."""
    pixels = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(file, format, quality=90)
    return file.getvalue()


def members(number, caption=None, alts=(), **fields):
    """The members of a sample, by extension."""
    caption = f"caption of picture {number}" if caption is None else caption
    fields = {
        "caption": caption,
        "key": f"{number:09d}",
        "alt_texts": [{"text": t, "source": "alt"} for t in alts],
    } | fields
    return {
        "jpg": jpeg(number),
        "json": json.dumps(fields).encode(),
        "txt": caption.encode("utf-8", "surrogatepass"),
    }


def shard(path, samples):
    """Write a tar as a build does: {key: {extension: data}}, or a number of usual samples."""
    if isinstance(samples, int):
        samples = {f"{number:09d}": members(number) for number in range(samples)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with TarWriter(path) as tar:
        for key, parts in samples.items():
            for extension, data in parts.items():
                tar.add(f"{key}.{extension}", data)
    return path


def by_webdataset(path, samples):
    """The same as img2dataset writes it: by Python's tarfile, with a pax header before each member."""
    with tarfile.open(path, "w") as tar:
        for key, parts in samples.items():
            for extension, data in parts.items():
                member = tarfile.TarInfo(f"{key}.{extension}")
                member.size, member.mtime = len(data), 1_700_000_000.25
                member.uname = member.gname = "bigdata"
                tar.addfile(member, io.BytesIO(data))
    return path


def folder(path, sizes):
    """A folder of shards with so many samples each, no key twice."""
    first = 0
    for number, size in enumerate(sizes):
        shard(path / f"{number:05d}.tar", {f"{n:09d}": members(n) for n in range(first, first + size)})
        first += size
    return path
