"""Candidates, pictures and fetch tasks for the fetch's tests."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
from multidict import CIMultiDict, CIMultiDictProxy

from wit_builder.engine import shuffle
from wit_builder.engine.task import Task
from wit_builder.images.process import ImageSpec, Picture
from wit_builder.records import CANDIDATE_SCHEMA, Candidate, candidate_id, to_table
from wit_builder.web.settings import Politeness, WebSettings
from wit_builder.web.visitor import Visit

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def candidate(url: str, caption: str = "what is seen") -> Candidate:
    return Candidate(
        candidate_id(url, caption), url, caption, "alt", (), "http://p.test/", "", "", "", "", NOW
    )


TEN = to_table([candidate(f"http://a.test/{n}") for n in range(10)], CANDIDATE_SCHEMA)


def visit(url: str = "http://a.test/", body: bytes = b"body") -> Visit:
    headers = CIMultiDictProxy(CIMultiDict())
    return Visit(url, url, 200, "image/png", body, headers, 0, NOW, frozenset(), None)


def pixels(image: bytes = b"pixels") -> Picture:
    return Picture(image, "jpg", 1, 1, 1, 1, "a" * 64, "b" * 64, 100)


class InPlace:
    """Stands in for Pixels: no process, every body is a picture of itself."""

    def __init__(self, spec: ImageSpec, processes: int) -> None:
        pass

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def process(self, body: bytes, extra: str = "") -> Picture:
        return pixels(body)


def task(
    root: Path,
    urls,
    connect_to,
    *,
    attempt: str = "00000001",
    connections: int = 256,
    silence_s: float = 10.0,
    **politeness,
) -> Task:
    """A fetch task over these URLs, with no delay unless told."""
    (root / "fetch").mkdir(parents=True, exist_ok=True)
    rows = to_table([candidate(url) for url in urls], CANDIDATE_SCHEMA)
    shuffle.write(root / "in", rows, np.zeros(len(urls), np.int64), 1)
    (root / "session.json").write_bytes(
        orjson.dumps({"connect_to": list(connect_to.items()), "blocklist": ""})
    )
    polite = Politeness(**({"host_delay_s": 0.0, "ip_delay_s": 0.0, "backoff_s": 0.01} | politeness))
    web = WebSettings(
        politeness=polite, allow_network=("127.0.0.0/8",), connections=connections, silence_s=silence_s
    )
    params = {"inputs": [str(root / "in")], "bins": 1, "stays": [], "web": web, "image": ImageSpec()}
    return Task(root, "fetch", "00000", 0, params, attempt=attempt)


def kept(task: Task) -> list[str]:
    """URLs of the samples it hands on."""
    return sorted(row["url"] for row in _rows(task, "samples"))


def lost(task: Task) -> dict[str, str]:
    """URL to reason of the failures it hands on."""
    return {row["url"]: row["reason"] for row in _rows(task, "failures")}


def _rows(task: Task, kind: str):
    return [row for name in task.files.get(kind, []) for row in pq.read_table(task.folder / name).to_pylist()]
