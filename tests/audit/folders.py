"""Shards and evaluation sets of a few photographs, and audits of them in this process."""

import json
import tarfile
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from tests.builds import Silent
from tests.images.pictures import encoded, photograph
from wit_builder.audit import run
from wit_builder.audit.asked import Asked
from wit_builder.audit.detectors import described
from wit_builder.engine.local import LocalExecutor
from wit_builder.shardset import sources
from wit_builder.shardset.cache import Cache


@dataclass(frozen=True)
class Colours:
    """A detector of vectors: the mean colours of nine fields, less their mean; also of the mirror image."""

    id: str = "colours"
    sha256: str = described("colours", 1)
    kind: str = "vector"
    threshold: float = 0.99
    source: str = "these tests"
    moves: str = "no"

    def of(self, images, turned):
        return [self._rows(image.body, turned) for image in images]

    def _rows(self, body, turned):
        try:
            whole = Image.open(BytesIO(body)).convert("RGB").resize((3, 3), Image.Resampling.BOX)
        except OSError:
            return None
        views = [whole, whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT)][: 1 + turned]
        rows = np.stack([np.asarray(view, np.float32).ravel() for view in views])
        rows -= rows.mean()
        return rows / np.maximum(1e-6, np.linalg.norm(rows, axis=1, keepdims=True))


def picture(n, size=(96, 64)):
    """Photograph number n."""
    return photograph(*size, seed=1000 + n, detail=12)


def jpeg(n, quality=90):
    """The same as a file."""
    return encoded(picture(n), quality=quality)


def turned(n, turn=Image.Transpose.ROTATE_90):
    """The photograph as a JPEG, turned."""
    return encoded(picture(n).transpose(turn))


def tar(path, members):
    """A tar of these (name, body)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as file:
        for name, body in members:
            _add(file, name, body)


def shards(folder, bodies, per_shard=4, said=lambda n: {}):
    """A sample for each body, its JSON with what `said` says of it; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(bodies), per_shard):
        with tarfile.open(folder / f"{first // per_shard:05d}.tar", "w") as tar:
            for n in range(first, min(first + per_shard, len(bodies))):
                meta = {"url": f"http://a.test/{n}.jpg", "caption": f"picture {n}", **said(n)}
                _add(tar, f"{n:06d}.jpg", bodies[n])
                _add(tar, f"{n:06d}.json", json.dumps(meta).encode())
    return folder


def _add(tar, name, body):
    member = tarfile.TarInfo(name)
    member.size = len(body)
    tar.addfile(member, BytesIO(body))


def held(folder, bodies):
    """A set of one class with these images, 0.jpg, 1.jpg, ...; returns the folder."""
    (folder / "thing").mkdir(parents=True)
    for n, body in enumerate(bodies):
        (folder / "thing" / f"{n}.jpg").write_bytes(body)
    return folder


def asked(tmp_path, *sets, **more):
    """The audit of tmp_path/shards by these sets."""
    found = sources.shards([str(tmp_path / "shards")], Cache(tmp_path / "cache"), captioned=False)
    return Asked(found, tuple(map(str, sets)), **more)


def audited(tmp_path, *sets, out="audit", workers=1, **more):
    """The audit's folder, when it is complete."""
    what, where = asked(tmp_path, *sets, **more), tmp_path / out
    run.start(what, where)
    with closing(LocalExecutor(workers)) as executor:
        run.run(what, where, executor, Silent())
    return where


def told(out):
    """What audit.json says."""
    return json.loads((out / run.FILE).read_text())


def rows(out, name=run.PAIRS):
    """Rows of one of its tables."""
    return pq.read_table(out / name).to_pylist()


def states(out):
    """What each image is, by its number; of one set."""
    return {int(row["eval_id"][6:-4]): row["state"] for row in rows(out, run.IMAGES)}
