"""What each preset keeps of real pairs, and what it drops for.

    PYTHONPATH=. python benchmarks/curate/funnels.py [--data ../shared/data] [--given vocabulary=FILE ...]

Two pools, made once without any rule. Sites: the pages of the shared folder, crawled on loopback under their own
names, with every image that is there. Books: alts (else captions) of nine textbooks with the sizes and formats of
their originals; bytes and detail are not known of them, so rules of those keep all. Each preset then judges each
pair of each pool; duplicates are left in.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tests.site.server import load_headers, served
from wit_builder.filtering import judge
from wit_builder.text.language import identify
from wit_builder.text.normalize import fold
from wit_filters.preset import Files
from wit_filters.presets import PRESETS

ROOT = Path(__file__).parents[2]
ALL = '''from wit_builder.crawl.settings import Crawl
from wit_builder.curation.settings import Duplicates
from wit_builder.recipe import Recipe
from wit_builder.web.politeness import Politeness
from wit_builder.web.visitor import WebSettings
from wit_pipelines import seeds as files


def recipe(seeds: tuple[str, ...]) -> Recipe:
    """Every pair of the shared sites."""
    return Recipe(
        name="all",
        source=Crawl(seeds=files.read(seeds), max_depth=0),
        web=WebSettings(
            politeness=Politeness(host_delay_s=0.0, ip_delay_s=0.0), allow_network=("127.0.0.0/8",)
        ),
        duplicates=Duplicates(radius=None, placeholder_captions=1_000_000),
    )
'''


@dataclass(frozen=True, slots=True)
class Pair:
    """What rules read of a pair."""

    caption: str
    lang: str
    lang_score: float
    url: str
    page_url: str
    original_width: int
    original_height: int
    original_bytes: int
    phash_quality: int
    original_format: str
    animated: bool = False
    alpha: bool = False
    text_source: str = "alt"


def main() -> None:
    """Prints a table for each pool."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    arguments.add_argument("--given", action="append", default=[])
    given = arguments.parse_args()
    for name, pool in (("sites", list(of_sites(given.data))), ("books", list(of_books(given.data)))):
        print(f"\n| {name}: {len(pool):,} pairs | kept | dropped first for |\n| --- | --- | --- |")
        for preset, make in PRESETS.items():
            wanting = make(Files()).wanting
            files = Files.named(tuple(text for text in given.given if text.partition("=")[0] in wanting))
            made = make(files)
            verdicts = judge(pool, (*made.candidate_filters, *made.sample_filters))
            kept = sum(verdict.kept for verdict in verdicts)
            lost = Counter(verdict.reason for verdict in verdicts if verdict.reason)
            reasons = ", ".join(f"{reason} {n:,}" for reason, n in lost.most_common())
            print(f"| {preset} | {kept:,} ({kept / len(pool):.0%}) | {reasons} |")


def of_sites(data: Path) -> Iterable[Pair]:
    """The shared sites' pairs: crawled, fetched and decoded by a build."""
    sites = data / "sites"
    with tempfile.TemporaryDirectory() as folder, served(sites, load_headers(sites / "headers.json")) as port:
        recipe, seeds, out = (Path(folder) / name for name in ("all.py", "seeds.txt", "out"))
        recipe.write_text(ALL)
        lines = gzip.decompress((sites / "truth.jsonl.gz").read_bytes()).splitlines()
        seeds.write_text("\n".join(json.loads(line)["page"] for line in lines))
        hosts = sorted(path.name for path in sites.iterdir() if path.is_dir())
        reach = [f"--connect-to={host}=127.0.0.1:{port}" for host in hosts]
        command = ["build", recipe, "--seeds", seeds, "--out", out, "--quiet", *reach, "--connect-to=*="]
        subprocess.run(
            [sys.executable, "-m", "wit_builder", *map(str, command)],
            check=True,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        yield from (_pair(row) for row in _had(out))


def of_books(data: Path) -> Iterable[Pair]:
    """The textbooks' pictures with what their authors wrote of them."""
    rows = [json.loads(line) for path in sorted((data / "captions").glob("*.jsonl")) for line in path.open()]
    rows = [row for row in rows if row.get("alt") or row.get("caption")]
    captions = [fold(row.get("alt") or row["caption"]) for row in rows]
    for row, caption, (lang, score) in zip(rows, captions, identify(captions), strict=True):
        kind = Path(row["source_file"]).suffix.lower().lstrip(".").replace("jpeg", "jpg")
        url = f"http://{row['book']}.test/{row['source_file'].rpartition('/')[2]}"
        sizes = row["orig_width"], row["orig_height"]
        yield Pair(caption, lang, score, url, url, *sizes, 1 << 20, 100, kind)


def _had(out: Path) -> Iterable[dict[str, object]]:
    for path in sorted(out.glob("shards/*.parquet")):
        yield from (row for row in pq.read_table(path).to_pylist() if row["status"] == "success")


def _pair(row: dict[str, object]) -> Pair:
    return Pair(**{name: row[name] for name in Pair.__dataclass_fields__})


if __name__ == "__main__":
    main()
