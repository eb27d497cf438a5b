"""A learned detector in an audit, from start to end."""

import numpy as np
import pytest
import torch

from tests.audit.folders import asked, audited, held, jpeg, picture, rows, shards, told
from tests.audit.learned.test_copies import HEADER, written
from wit_builder.audit import run
from wit_builder.audit.asked import DETECTORS
from wit_builder.audit.learned import copies
from wit_builder.audit.learned.file import Header
from wit_builder.audit.learned.network import VARIANTS, Network
from wit_builder.audit.learned.transforms import squeezed
from wit_builder.errors import ConfigError


@pytest.fixture
def world(tmp_path):
    shards(tmp_path / "shards", [jpeg(n, quality=60) for n in range(6)])
    held(tmp_path / "mine", [jpeg(0), jpeg(50), b"no image"])
    return tmp_path


def with_learned(world, threshold=0.9):
    header = Header(HEADER.variant, threshold, HEADER.source, HEADER.data, HEADER.accuracy)
    return (*DETECTORS, copies.read(written(world / "detector.safetensors", header, whitened)))


def whitened(weights):
    """Random weights, but photographs are told apart by them."""
    network = Network(VARIANTS["tiny"])
    network.load_state_dict(weights)
    pixels = torch.from_numpy(np.stack([squeezed(picture(n), 64) for n in range(100, 300)])).permute(
        0, 3, 1, 2
    )
    network.begin(pixels)
    with torch.no_grad():
        network.whiten(network(pixels))
    return {name: one.contiguous() for name, one in network.state_dict().items()}


def test_what_the_detector_finds_stands_in_the_report_with_its_hash(world):
    detectors = with_learned(world)
    out = audited(world, world / "mine", detectors=detectors)
    (one,) = told(out)["sets"]
    assert one["found"]["learned"] == 1
    assert {"id": "learned", "sha256": detectors[-1].sha256}.items() <= told(out)["detectors"][-1].items()
    (row,) = [row for row in rows(out) if row["detector"] == "learned" and row["overlap"]]
    assert (row["eval_id"], row["key"], row["rank"]) == ("thing/0.jpg", "000000", 0)
    assert 0.9 <= row["similarity"] <= 1


def test_an_audit_by_another_file_of_that_name_is_another_audit(world):
    out = audited(world, world / "mine", detectors=with_learned(world))
    with pytest.raises(ConfigError):
        run.start(asked(world, world / "mine", detectors=with_learned(world, 0.8)), out)
