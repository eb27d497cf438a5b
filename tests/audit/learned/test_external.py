import warnings

import numpy as np
import open_clip
import pytest
import torch

from tests.train.tars import jpeg
from wit_builder.audit.detectors import Image
from wit_builder.audit.learned import external
from wit_builder.audit.learned.views import PARTS
from wit_builder.errors import BuildError, ConfigError
from wit_builder.model import build

IMAGES = [Image(jpeg(1)), Image(b"no image"), Image(jpeg(2))]


class Means(torch.nn.Module):
    """The mean of each channel, and a 1 besides."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        means = images.mean(dim=[2, 3])
        return torch.cat([means, torch.ones_like(means[:, :1])], dim=1)


class Nothing(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.zeros(images.shape[0], 3)


class Flat(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten()


class Two(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [images, images]


def script(path, module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(module).save(path)
    return path


def test_a_torchscript_file_gives_rows_of_unit_length(tmp_path):
    detector = external.torch_script(script(tmp_path / "means.pt", Means()), 24, 0.9)
    assert (detector.id, detector.kind, detector.threshold) == ("torchscript", "vector", 0.9)
    one, unread, other = detector.of(IMAGES, True)
    assert unread is None
    assert one.shape == other.shape == (1 + len(PARTS), 4)
    assert np.allclose(np.linalg.norm(one, axis=1), 1, atol=1e-6)
    assert (one[:, :3] < one[:, 3:]).all()  # means are below 1


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Nothing(), "gives embeddings that are zero or not finite"),
        (Flat(), r"gives \(27648,\) for 16 images, expected a row for each"),
        (Two(), "gives list for 16 images"),
    ],
)
def test_what_gives_no_rows_is_refused(tmp_path, module, words):
    detector = external.torch_script(script(tmp_path / "wrong.pt", module), 24, 0.9)
    with pytest.raises(BuildError, match=words):
        detector.of(IMAGES, False)


def test_a_torchscript_file_is_known_by_its_bytes_and_its_side(tmp_path):
    path = script(tmp_path / "means.pt", Means())
    one, other = (external.torch_script(path, side, 0.9) for side in (24, 32))
    assert one.sha256 != other.sha256
    path.write_bytes(path.read_bytes() + b"\0")
    assert external.torch_script(path, 24, 0.9).sha256 != one.sha256


def test_what_is_no_torchscript_is_refused_and_nothing_runs_before_it_is_used(tmp_path):
    path = tmp_path / "other.pt"
    path.write_bytes(b"no archive")
    detector = external.torch_script(path, 24, 0.9)
    with pytest.raises(ConfigError, match="is no TorchScript file"):
        detector.of(IMAGES, False)
    for side in (0, 1025):
        with pytest.raises(ConfigError, match="expected 1 to 1024 pixels"):
            external.torch_script(path, side, 0.9)
    with pytest.raises(ConfigError, match=r"a threshold is 1\.1, expected 0 to 1"):
        external.torch_script(path, 24, 1.1)


def test_an_open_clip_model_gives_what_open_clip_gives(tmp_path):
    torch.manual_seed(0)
    config, _ = build.config_of("tiny")
    model = open_clip.CLIP(**{name: value for name, value in config.items() if name != "custom_text"}).eval()
    torch.save(model.state_dict(), tmp_path / "tiny.pt")
    detector = external.open_clip("tiny", tmp_path / "tiny.pt", 0.8)
    one, unread, _ = detector.of(IMAGES, False)
    assert unread is None
    assert one.shape == (1, config["embed_dim"])
    side = config["vision_cfg"]["image_size"]
    from wit_builder.audit.learned.transforms import squeezed
    from wit_builder.audit.learned.views import picture

    pixels = torch.from_numpy(squeezed(picture(IMAGES[0].body, side), side).copy()).permute(2, 0, 1) / 255
    mean, std = (
        torch.tensor(numbers)[:, None, None]
        for numbers in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    )
    with torch.no_grad():
        due = torch.nn.functional.normalize(model.encode_image(((pixels - mean) / std)[None]), dim=1)
    assert np.allclose(one, due.numpy(), atol=1e-5)
    assert external.open_clip("tiny", tmp_path / "tiny.pt", 0.8).sha256 == detector.sha256
    with pytest.raises(ConfigError, match="cannot be read"):
        external.open_clip("tiny", tmp_path / "none.pt", 0.8)
