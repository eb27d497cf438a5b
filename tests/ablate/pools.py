"""Pools for the tests: finished builds whose shards are written here, and presets of few rules."""

import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

from tests.builds import Silent
from tests.curation.rows import sample
from wit_builder import publish, settings
from wit_builder.ablate import pool, run
from wit_builder.ablate.asked import Asked
from wit_builder.curation.settings import Duplicates
from wit_builder.engine.task import open_task, run_task
from wit_builder.filtering import KEPT, Verdict
from wit_builder.lists.settings import UrlList
from wit_builder.preset import Preset, Step
from wit_builder.recipe import Recipe
from wit_builder.records import candidate_id
from wit_builder.shards import manifest
from wit_builder.shards.writer import ShardSpec, write_shard

SPEC = ShardSpec(samples_per_shard=4)
KEEP_ALL = Duplicates(radius=None, placeholder_captions=1_000_000)


def pair(n, caption="a red boat on a calm sea", **values):
    """Pair number n of 300 pixels, its picture unlike any other's."""
    made = sample(n, caption=caption, side=300, phash=hashlib.sha256(str(n).encode()).hexdigest())
    return replace(made, original_format="jpg", **values)


def moved(row, **values):
    """The same pair with an id that fits its url and caption."""
    row = replace(row, **values)
    return replace(row, id=candidate_id(row.url, row.caption))


def picture(row):
    """A picture for the pair: dark where its number is odd."""
    file, number = io.BytesIO(), int(row.url.rpartition("/")[2].partition(".")[0])
    Image.new("RGB", (60, 40), (20, 20, 20) if number % 2 else (200, 220, 240)).save(file, "jpeg")
    return file.getvalue()


def write(out: Path, rows, state="complete"):
    """A build of these pairs, four to a shard in the order of their ids."""
    rows = sorted(rows, key=lambda row: row.id)
    (out / "shards").mkdir(parents=True)
    parts = [rows[start : start + 4] for start in range(0, max(1, len(rows)), 4)]
    infos = []
    for index, part in enumerate(parts):
        images = {row.id: picture(row) for row in part}
        sized = [replace(row, length=len(images[row.id])) for row in part]
        infos.append(
            write_shard(out / "shards", index, sized, lambda row, images=images: images[row.id], (), SPEC)
        )
    manifest.write_manifest(out, infos)
    recipe = Recipe(name="boats", source=UrlList(files=("boats.parquet",)))
    publish.write_state(out, settings.encode(recipe), state)
    return out


@dataclass(frozen=True, slots=True)
class Bright:
    """Drops dark pictures, which it looks at."""

    def judge(self, items, images):
        shades = [Image.open(io.BytesIO(image)).convert("L").getpixel((5, 5)) for image in images]
        return [KEPT if shade > 128 else Verdict("too_dark", f"grey {shade}") for shade in shades]


def preset(*before, after=(), duplicates=KEEP_ALL, **more):
    """These rules."""
    return Preset(
        title="boats: what floats",
        before=tuple(Step(rule, "ours") for rule in before),
        after=tuple(Step(rule, "ours") for rule in after),
        duplicates=duplicates,
        left_out=("submarines",),
        **more,
    )


class Here:
    """Runs tasks in this process, the last one first."""

    def run(self, root, stage, ids, needs, progress):
        for id_ in reversed(ids):
            run_task(*open_task(root, stage, id_))
        return {}


def ablated(folder: Path, out: Path, presets, executor=None, **more):
    """OUT after the presets have judged the pool."""
    asked = Asked(pool.opened(folder), presets, **more)
    if not run.start(asked, out):
        run.run(asked, out, executor or Here(), Silent())
    return out


def kept(out: Path, name: str) -> set[str]:
    """The ids that the preset keeps."""
    return set(pq.read_table(out / "kept" / f"{name}.parquet").column("id").to_pylist())


def dropped(out: Path, name: str) -> dict[str, str]:
    """Reason of each id that it drops."""
    rows = pq.read_table(out / "dropped" / f"{name}.parquet").to_pylist()
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row["reason"] for row in rows}
