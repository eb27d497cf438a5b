"""What each preset keeps of real pairs, and what it drops for: two pools, and `wit ablate` over each.

    PYTHONPATH=. python benchmarks/curate/ablate.py --out FOLDER [--data ../shared/data] [--given vocabulary=FILE ...]

Sites: the pages of the shared folder, crawled on loopback under their own names without any rule, with every image
that is there. Books: pictures of nine textbooks with their authors' alts (else captions). They are 144 pixels large,
so sides and formats are those that the books say of their originals; how many bytes these had nobody knows, and no
rule of bytes drops any. Pools that are in FOLDER already are used again.
"""

import argparse
import gzip
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.site.server import load_headers, served
from wit_builder import publish, settings
from wit_builder.images.process import ImageSpec, Picture, process
from wit_builder.lists.settings import UrlList
from wit_builder.recipe import Recipe
from wit_builder.records import Sample, candidate_id
from wit_builder.shards import manifest
from wit_builder.shards.writer import write_shard
from wit_builder.text.normalize import fold

ROOT = Path(__file__).parents[2]
WIT = [sys.executable, "-m", "wit_builder"]
_SEEN = ("width", "height", "sha256", "phash", "phash_quality", "format")
ALL = '''from wit_builder.crawl.settings import Crawl
from wit_builder.curation.settings import Duplicates
from wit_builder.recipe import Recipe
from wit_pipelines import seeds as files


def recipe(seeds: tuple[str, ...]) -> Recipe:
    """Every pair of the shared sites."""
    return Recipe(
        name="sites",
        source=Crawl(seeds=files.read(seeds), max_depth=0),
        web=WebSettings(
            politeness=Politeness(host_delay_s=0.0, ip_delay_s=0.0), allow_network=("127.0.0.0/8",)
        ),
        duplicates=Duplicates(radius=None, placeholder_captions=1_000_000),
    )
'''


def main() -> None:
    """Prints a table for each pool."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    arguments.add_argument("--given", action="append", default=[])
    asked = arguments.parse_args()
    for name, make in (("sites", make_sites), ("books", make_books)):
        pool, out = asked.out / name, asked.out / f"{name}-ablation"
        if not (pool / "build.json").exists():
            pool.mkdir(parents=True, exist_ok=True)
            make(asked.data, pool)
        given = [f"--given={text}" for text in asked.given]
        command = [*WIT, "ablate", str(pool), "--out", str(out), "--json", "--quiet", *given]
        print_table(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


def print_table(told: Mapping[str, Any]) -> None:
    """A row for each preset, those that keep most first."""
    pairs, presets = told["pool"]["pairs"], told["presets"]
    print(f"\n| {told['pool']['name']}: {pairs:,} pairs | kept | dropped for |\n| --- | --- | --- |")
    for name in sorted(presets, key=lambda name: (-presets[name]["kept"], name)):
        kept, dropped = presets[name]["kept"], presets[name]["dropped"]
        order = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in order)
        print(f"| {name} | {kept:,} ({kept / pairs:.0%}) | {reasons} |")


def make_sites(data: Path, out: Path) -> None:
    """A build of the shared sites."""
    sites, beside = data / "sites", out.parent
    with served(sites, load_headers(sites / "headers.json")) as port:
        recipe, seeds = beside / "all.py", beside / "seeds.txt"
        recipe.write_text(ALL)
        lines = gzip.decompress((sites / "truth.jsonl.gz").read_bytes()).splitlines()
        seeds.write_text("\n".join(json.loads(line)["page"] for line in lines))
        hosts = sorted(path.name for path in sites.iterdir() if path.is_dir())
        reach = [f"--connect-to={host}=127.0.0.1:{port}" for host in hosts]
        command = ["build", recipe, "--seeds", seeds, "--out", out, "--quiet", *reach, "--connect-to=*="]
        subprocess.run([*WIT, *map(str, command)], check=True, stdout=subprocess.DEVNULL)


def make_books(data: Path, out: Path) -> None:
    """The textbooks' pictures as shards, as a build would leave them."""
    pairs = sorted(of_books(data), key=lambda pair: pair[0].id)
    images = {sample.id: picture.image for sample, picture in pairs}
    (out / "shards").mkdir(exist_ok=True)
    info = write_shard(out / "shards", 0, [sample for sample, _ in pairs], lambda sample: images[sample.id])
    manifest.write_manifest(out, [info])
    recipe = Recipe(name="books", source=UrlList(files=("captions",)))
    publish.write_state(out, settings.encode(recipe), "complete")


def of_books(data: Path) -> Iterator[tuple[Sample, Picture]]:
    """Each picture with what its authors wrote of it, no pair twice."""
    seen: set[str] = set()
    for path in sorted((data / "captions").glob("*.jsonl")):
        with zipfile.ZipFile(path.with_suffix(".zip")) as archive:
            for row in map(json.loads, path.read_text().splitlines()):
                if not (row.get("alt") or row.get("caption")):
                    continue
                found = _pair(row, process(archive.read(row["image"]), ImageSpec()))
                if found[0].id not in seen:
                    seen.add(found[0].id)
                    yield found


def _pair(row: Mapping[str, Any], picture: Picture) -> tuple[Sample, Picture]:
    caption, now = fold(row.get("alt") or row["caption"]), datetime(2026, 1, 1, tzinfo=UTC)
    kind = Path(row["source_file"]).suffix.lower().lstrip(".").replace("jpeg", "jpg")
    url = f"http://{row['book']}.test/{row['source_file'].rpartition('/')[2]}"
    texts = {f.name: "" for f in fields(Sample) if f.type is str} | {"url": url, "caption": caption}
    sample = Sample(
        **texts
        | {"id": candidate_id(url, caption), "text_source": "alt", "page_url": f"http://{row['book']}.test/"},
        **dict.fromkeys(("alt_texts", "queries", "query_spans"), ()),
        **dict.fromkeys(("found_at", "fetched_at"), now),
        **{f.name: 0 for f in fields(Sample) if f.type is int}
        | {"original_bytes": 1 << 30, "http_status": 200},
        lang_score=0.0,
    )
    seen = {
        name: getattr(picture, name)
        for name in ("width", "height", "sha256", "phash", "phash_quality", "format")
    }
    said = {
        "original_width": row["orig_width"],
        "original_height": row["orig_height"],
        "original_format": kind,
    }
    return replace(sample, **seen, **said, length=len(picture.image)), picture


if __name__ == "__main__":
    main()
