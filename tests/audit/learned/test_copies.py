import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.train.tars import jpeg
from wit_builder.audit.detectors import Image
from wit_builder.audit.learned import copies
from wit_builder.audit.learned.file import Header
from wit_builder.audit.learned.network import VARIANTS, Network
from wit_builder.audit.learned.views import PARTS
from wit_builder.errors import BuildError, ConfigError

HEADER = Header("tiny", 0.6, "measured", "0" * 64, 0.9)


def written(path, header=HEADER, change=lambda weights: weights):
    """A file with random weights."""
    torch.manual_seed(0)
    weights = {name: one.contiguous() for name, one in Network(VARIANTS["tiny"]).state_dict().items()}
    save_file(change(weights), path, header.metadata())
    return path


@pytest.fixture
def detector(tmp_path):
    return copies.read(written(tmp_path / "detector.safetensors"))


def test_a_detector_is_known_by_its_files_hash_and_has_its_threshold(detector, tmp_path):
    assert (detector.id, detector.kind, detector.threshold, detector.source) == (
        "learned",
        "vector",
        0.6,
        "measured",
    )
    other = written(tmp_path / "other.safetensors", Header("tiny", 0.5, "measured", "0" * 64, 0.9))
    assert len(detector.sha256) == 64 != copies.read(other).sha256


def test_images_of_sets_have_ten_rows_those_of_shards_one_the_first_of_them(detector):
    images = [Image(jpeg(number)) for number in range(3)]
    of_set, of_shard = detector.of(images, True), detector.of(images, False)
    for one, other in zip(of_set, of_shard, strict=True):
        assert (one.shape, other.shape) == ((1 + len(PARTS), 128), (1, 128))
        assert one.dtype == np.float32
        assert np.array_equal(one[:1], other)
        assert np.allclose(np.linalg.norm(one, axis=1), 1, atol=1e-6)


def test_with_parts_images_of_shards_have_ten_rows_too_and_the_detector_is_another(detector, tmp_path):
    other = copies.read(tmp_path / "detector.safetensors", parts=0.9)
    assert (other.threshold, other.source, other.file) == (0.9, "given", detector.file)
    assert other.sha256 != detector.sha256 == detector.file
    (one,), (two,) = (other.of([Image(jpeg(1))], turned) for turned in (True, False))
    assert one.shape == (1 + len(PARTS), 128)
    assert np.array_equal(one, two)
    with pytest.raises(ConfigError, match=r"a threshold is 1\.1, expected 0 to 1"):
        copies.read(tmp_path / "detector.safetensors", parts=1.1)


def test_a_row_is_the_same_to_the_bit_whatever_stands_beside_its_image(detector):
    images = [Image(jpeg(number)) for number in range(20)]
    together = detector.of(images, False)
    for number in (0, 15, 16, 19):
        assert np.array_equal(detector.of([images[number]], False)[0], together[number])


def test_an_image_that_cannot_be_read_has_no_rows_and_spoils_no_other(detector):
    found = detector.of([Image(b"no image"), Image(jpeg(1)), Image(jpeg(2)[:100])], True)
    assert [rows is None for rows in found] == [True, False, True]
    assert detector.of([Image(b"")], True) == [None]
    assert detector.of([], False) == []


def test_a_file_that_was_exchanged_meanwhile_is_refused(detector, tmp_path):
    copies._opened.cache_clear()
    written(tmp_path / "detector.safetensors", Header("tiny", 0.1, "", "", 0))
    with pytest.raises(ConfigError, match="is another detector than expected"):
        detector.of([Image(jpeg())], False)


@pytest.mark.parametrize(
    ("header", "change", "words"),
    [
        (Header("huge", 0.6, "", "", 0), dict, "of the variant 'huge', known are rn50, small, tiny"),
        (Header("small", 0.6, "", "", 0), dict, "holds other weights than its header says"),
        (
            HEADER,
            lambda weights: {**weights, "more": torch.zeros(1)},
            "holds other weights than its header says",
        ),
    ],
)
def test_weights_that_are_not_what_the_header_says_are_refused(tmp_path, header, change, words):
    detector = copies.read(written(tmp_path / "detector.safetensors", header, change))
    with pytest.raises(ConfigError, match=words):
        detector.of([Image(jpeg())], False)


def test_weights_that_give_no_numbers_are_refused(tmp_path):
    path = written(
        tmp_path / "detector.safetensors",
        change=lambda weights: weights | {"head.bias": torch.full((128,), torch.nan)},
    )
    with pytest.raises(BuildError, match="gives embeddings that are zero or not finite"):
        copies.read(path).of([Image(jpeg())], False)


def test_torch_is_imported_when_an_image_is_looked_at(tmp_path):
    import subprocess
    import sys

    path = written(tmp_path / "detector.safetensors")
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path\n"
            "from wit_builder.audit.learned import copies, external, pairs, views\n"
            f"copies.read(Path({str(path)!r})); print('torch' in sys.modules)",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert said.stdout == "False\n"
