"""Samples, failures and their images for the tests of this room; deterministic, no files needed."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image

from wit_builder.records import Candidate, Failure, Sample, Span, Text, candidate_id

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def jpeg(number: int) -> bytes:
    """A small picture, another one for each number."""
    file = io.BytesIO()
    Image.new("RGB", (40 + number % 7, 30), (number * 37 % 256, 90, 200)).save(file, "JPEG")
    return file.getvalue()


def candidate(number: int, **changes: Any) -> Candidate:
    url, caption = f"https://example.org/{number}.jpg", f"A red kite over field {number}"
    made = Candidate(
        id=candidate_id(url, caption),
        url=url,
        caption=caption,
        text_source="alt",
        alt_texts=(Text("Kites, page 3", "title"),),
        page_url="https://example.org/kites.html",
        page_title="Kites – Bänder",
        page_lang="en",
        licence="https://creativecommons.org/licenses/by/4.0/",
        source="crawl",
        found_at=NOON,
        lang="en",
        lang_score=0.97,
        queries=("kite", "field"),
        query_spans=(Span(0, 6, 10), Span(1, 16, 21)),
    )
    return replace(made, **changes)


def sample(number: int, **changes: Any) -> Sample:
    found = candidate(number)
    made = Sample(
        **{name: getattr(found, name) for name in Candidate.__slots__},
        final_url=found.url,
        http_status=200,
        content_type="image/jpeg",
        fetched_at=NOON + timedelta(seconds=number),
        original_bytes=54_321,
        original_width=800,
        original_height=600,
        width=40 + number % 7,
        height=30,
        sha256="ab" * 32,
        phash="cd" * 32,
        phash_quality=100,
        opt_out="",
        format="jpg",
        tar="part-0.tar",
        offset=512,
        length=len(jpeg(number)),
    )
    return replace(made, **changes)


def samples(count: int) -> list[Sample]:
    return [sample(number) for number in range(count)]


def reader(images: dict[str, bytes] | None = None) -> Callable[[Sample], bytes]:
    """Reads the image of `sample(number)`, or what stands in `images` for its URL."""

    def read(wanted: Sample) -> bytes:
        if images is not None and wanted.url in images:
            return images[wanted.url]
        return jpeg(int(wanted.url.rpartition("/")[2].removesuffix(".jpg")))

    return read


def failure(number: int, reason: str, evidence: str = "") -> Failure:
    return Failure(candidate(number), reason, evidence, NOON + timedelta(seconds=number))
