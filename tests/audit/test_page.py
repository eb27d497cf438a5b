"""The page of an audit: its numbers, its pairs, and nothing that a caption could run."""

import numpy as np
import pyarrow as pa
import pytest

from tests.model import tiny
from tests.train import tars
from wit_builder.audit import page
from wit_builder.audit.effect import among, effect
from wit_builder.audit.overlap import PAIRS
from wit_builder.audit.pictures import Pictures
from wit_builder.evalset import sets
from wit_builder.shardset import sources
from wit_builder.shardset.cache import Cache

COUNTS = {
    "kind": "classes",
    "images": 10,
    "all": 10,
    "overlap": 2,
    "share": 0.2,
    "unreadable": 0,
    "degenerate": {"constant": 0},
    "found": {"sha256": 1, "pdq": 2},
    "thresholds": {"pdq": 0.879},
    "given": [],
    "calibrated": {"pdq": {"threshold": 0.879, "source": "by <copies>"}},
}
TOLD = {
    "asked": {"shards": {"fingerprint": "cd" * 32}},
    "samples": 1234,
    "cut": "00000.tar is cut: samples up to there are used",
    "excluded": 2,
    "detectors": [{"id": "sha256", "sha256": "11" * 32}, {"id": "pdq", "sha256": "22" * 32}],
    "sets": [{"name": "pets", **COUNTS}, {"name": "none", **COUNTS, "images": 0, "all": 0, "overlap": 0}],
}


def row(number, similarity, overlap, detector="pdq", caption="a cat", url="https://example.org/a.jpg"):
    return {
        "eval_set": "pets",
        "eval_id": f"cat/{number}.jpg",
        "shard": "00000.tar",
        "key": f"k{number}",
        "url": url,
        "caption": caption,
        "similarity": similarity,
        "detector": detector,
        "overlap": overlap,
        "rank": 0,
        "turn": 3,
    }


@pytest.fixture
def pictures(tmp_path):
    for number in range(2):
        path = tmp_path / "pets" / "cat" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tiny.picture(number, kind="jpeg"))
    tars.shard(tmp_path / "00000.tar", {f"k{number}": tars.members(number) for number in range(2)})
    found = sources.shards([str(tmp_path / "00000.tar")], Cache(tmp_path / "cache"))
    return Pictures([sets.read(tmp_path / "pets")], found)


def written(out, rows, effects, pictures):
    return page.write(out, TOLD, pa.Table.from_pylist(rows, PAIRS), effects, pictures).read_text()


def test_overlap_is_shown_with_both_pictures_the_least_alike_first(tmp_path, pictures):
    rows = [row(0, 1.0, True, "sha256"), row(0, 1.0, True), row(1, 0.9, True), row(2, 0.85, False)]
    shown = written(tmp_path, rows, {}, pictures)
    assert shown.index("pdq 0.900, turned 3") < shown.index("sha256 1.000")
    assert "pdq 1.000" not in shown  # image 0 is shown once, by the detector believed first
    assert shown.index("Just below the threshold") < shown.index("pdq 0.850")
    assert shown.count("data:image/jpeg") == 4 and shown.count("not readable") == 2
    assert "20.00 %" in shown and "1,234 samples" in shown
    assert "Nothing near." in shown  # the other set
    assert "All - Clean" not in shown


def test_the_effect_is_drawn_and_told(tmp_path, pictures):
    right = np.arange(10) < 6
    dirty, clean = effect(right, np.arange(10) < 4), effect(right, np.zeros(10, bool))
    shown = written(
        tmp_path,
        [row(0, 1.0, True)],
        dict(zip(("pets", "none"), among([dirty, clean]), strict=True)),
        pictures,
    )
    assert "All - Clean" in shown and "+26.67" in shown
    assert (tmp_path / "effect.png").read_bytes()[1:4] == b"PNG"
    assert b"<svg" in (tmp_path / "effect.svg").read_bytes()


def test_what_is_foreign_is_text(tmp_path, pictures):
    bad = row(0, 0.95, True, caption="<script>alert(1)</script>", url="javascript:alert(1)")
    shown = written(tmp_path, [bad], {}, pictures)
    assert "<script" not in shown and "javascript:" not in shown
    assert "&lt;script&gt;" in shown


def test_each_threshold_says_where_it_comes_from(tmp_path, pictures):
    assert "pdq from 0.8790 on: by &lt;copies&gt;." in written(tmp_path, [row(0, 1.0, True)], {}, pictures)
