"""Each of the paper's nine models is built and takes a step of the optimiser on real pairs."""

import gc
import io
import json
import zipfile

import open_clip
import pytest
import torch
from PIL import Image, ImageOps

from tests.shared_data import shared_data
from wit_builder.model import text
from wit_builder.model.names import NINE, QUICK
from wit_builder.train import objectives
from wit_builder.train.batch import Batch
from wit_builder.train.gradcache import gradients
from wit_builder.train.optim import adamw, update
from wit_builder.train.settings import Training


def pairs(size, count=2):
    """Photographs of a textbook of astronomy, with the texts that its authors gave them."""
    with shared_data("captions/astronomy.jsonl").open() as file:
        rows = [json.loads(line) for _, line in zip(range(count), file, strict=False)]
    with zipfile.ZipFile(shared_data("captions/astronomy.zip")) as archive:
        found = [
            name for row in rows for name in archive.namelist() if name.endswith(row["image"].split("/")[-1])
        ]
        images = [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in found]
    pixels = [torch.frombuffer(bytearray(ImageOps.fit(i, size).tobytes()), dtype=torch.uint8) for i in images]
    tokens = open_clip.tokenize([row["alt"] for row in rows])
    tokens = tokens[:, : int(text.ends(tokens).max()) + 1]
    several = torch.arange(count)
    return Batch(
        torch.stack(pixels).view(count, size[1], size[0], 3).permute(0, 3, 1, 2).contiguous(),
        tokens,
        torch.ones(count, dtype=torch.bool),
        several,
        several,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NINE, "ViT-B/32" + QUICK, "RN50" + QUICK])
def test_a_model_of_the_paper_takes_a_step(name):
    training = Training(name, lr=1e-5, checkpointing=True)
    made = objectives.make(training)
    optimizer = adamw(made.network, training)
    batch = pairs(made.network.image_size)
    before = gradients(made.network, made, batch)
    assert all(weight.grad is not None for weight in made.network.parameters())
    norm, lost = update(optimizer, made.network, training.lr, training)
    assert norm > 0 and lost == 0
    with torch.no_grad():
        after = made.loss(made.network(batch.images, batch.tokens), batch, made.terms(batch))
    assert after < before
    del made, optimizer
    gc.collect()
