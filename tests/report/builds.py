"""Small build folders, written as a build writes them."""

import io
import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from wit_builder.ledger import Funnel
from wit_builder.records import LOSS_SCHEMA, Loss, Sample, Text, candidate_id, to_table
from wit_builder.shards.manifest import SHARDS_SCHEMA
from wit_builder.shards.writer import ShardInfo, ShardSpec, write_shard

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SPEC = ShardSpec(samples_per_shard=100)


def picture(colour: str = "teal", size: tuple[int, int] = (64, 48), kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def sample(n: int, caption: str = "A boat on a lake", url: str = "", **changes: object) -> Sample:
    url = url or f"http://host{n % 3}.test/{n}.jpg"
    made = Sample(
        id=candidate_id(url, caption),
        url=url,
        caption=caption,
        text_source="alt",
        alt_texts=(Text("Boat", "title"),),
        page_url="http://host0.test/page.html",
        page_title="Boats",
        page_lang="en",
        licence="",
        source="crawl",
        found_at=NOW,
        lang="en",
        lang_score=0.9,
        extra="",
        queries=(),
        query_spans=(),
        final_url=url,
        http_status=200,
        content_type="image/jpeg",
        fetched_at=NOW,
        original_bytes=9_000,
        original_width=640,
        original_height=480,
        width=64,
        height=48,
        sha256="0" * 64,
        phash="0" * 64,
        phash_quality=100,
        opt_out="",
        format="jpg",
        tar="00000.tar",
        offset=0,
        length=0,
    )
    return replace(made, **changes)


def loss(n: int, stage: str = "fetch", reason: str = "http_404", **changes: str) -> Loss:
    made = Loss(f"{n:032x}", stage, reason, f"http://gone{n % 2}.test/{n}.jpg", "A lost boat", "404", NOW)
    return replace(made, **changes)


def add_shard(out: Path, index: int, samples: Iterable[Sample], image: bytes | None = None) -> ShardInfo:
    """A shard of these samples, all with the same picture."""
    image = picture() if image is None else image
    folder = out / "shards"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [replace(row, length=len(image)) for row in samples]
    return write_shard(folder, index, rows, lambda _: image, [], SPEC)


def write_manifest(out: Path, shards: list[ShardInfo]) -> None:
    (out / "manifest").mkdir()
    table = pa.Table.from_pylist([asdict(info) for info in shards], schema=SHARDS_SCHEMA)
    pq.write_table(table, out / "manifest" / "shards.parquet")


def write_ledger(out: Path, losses: list[Loss]) -> None:
    for stage in {row.stage for row in losses}:
        folder = out / "ledger" / f"stage={stage}"
        folder.mkdir(parents=True)
        rows = to_table([row for row in losses if row.stage == stage], LOSS_SCHEMA)
        pq.write_table(rows.drop_columns(["stage"]), folder / "part-00000.parquet")


def write_state(out: Path, state: str = "complete", name: str = "boats") -> None:
    out.mkdir(exist_ok=True)
    value = {
        "recipe": {"type": "wit_builder.recipe:Recipe", "name": name},
        "state": state,
        "started_at": "2026-11-20T12:00:00+00:00",
        "finished_at": "2026-11-20T13:00:00+00:00" if state == "complete" else None,
        "versions": {"wit-builder": "0.1.0"},
    }
    (out / "build.json").write_text(json.dumps(value))


def write_funnel(out: Path, losses: list[Loss], kept: int) -> None:
    funnel = Funnel()
    for stage in ("fetch", "clean"):
        funnel[stage].kept = kept
    for row in losses:
        funnel[row.stage].drop(row.reason)
    (out / "funnel.json").write_text(json.dumps(funnel.as_json()))


def write_build(out: Path, samples: int = 6, losses: list[Loss] | None = None) -> Path:
    """A complete build of two shards."""
    lost = [loss(n) for n in range(5)] if losses is None else losses
    write_state(out)
    write_funnel(out, lost, samples)
    write_ledger(out, lost)
    rows = [sample(n) for n in range(samples)]
    half = samples // 2
    write_manifest(out, [add_shard(out, 0, rows[:half]), add_shard(out, 1, rows[half:])])
    return out
