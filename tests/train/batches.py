"""Batches of random pixels and words, and networks of a few thousand weights."""

import json
import tempfile
from functools import cache
from pathlib import Path

import torch

from tests.model import tiny
from wit_builder.train import objectives
from wit_builder.train.batch import Batch
from wit_builder.train.settings import Training

torch.set_num_threads(1)  # as many as pay for networks of this size

WORDS = 200
SMALL = tiny.CONFIG | {
    "text_cfg": {"context_length": 16, "vocab_size": WORDS, "width": 16, "heads": 2, "layers": 2}
}
RESNET = SMALL | {"vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 16}}
COCA = tiny.COCA | {
    "text_cfg": SMALL["text_cfg"] | {"embed_cls": True, "output_tokens": True},
    "multimodal_cfg": SMALL["text_cfg"],
}
MODELS = {"vit": SMALL, "resnet": RESNET, "coca": COCA}


@cache
def config(kind="vit"):
    """The path of the JSON file of a small model."""
    path = Path(tempfile.mkdtemp()) / "small.json"
    path.write_text(json.dumps(MODELS[kind]))
    return str(path)


def objective(kind="vit", **more):
    """One of a small model, made of these settings."""
    return objectives.make(Training(config(kind), **more))


def batch(count=12, seed=0, length=9, unread=()):
    """That many samples; images 0 and 1 are the same, captions 2 and 3 too."""
    rng = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=rng)
    tokens = torch.randint(1, WORDS - 2, (count, length), generator=rng)
    ends = torch.randint(2, length, (count,), generator=rng)
    tokens[torch.arange(length) > ends[:, None]] = 0
    tokens[torch.arange(count), ends] = WORDS - 1
    tokens[:, 0] = WORDS - 2
    tokens[3] = tokens[2]
    image_ids, text_ids = torch.arange(count), torch.arange(count)
    image_ids[1], text_ids[3] = image_ids[0].item(), text_ids[2].item()
    valid = torch.ones(count, dtype=torch.bool)
    valid[list(unread)] = False
    return Batch(images, tokens, valid, image_ids, text_ids, [f"{n:05d}" for n in range(count)])


def gradient(found):
    """The gradients that the weights of a network have, by name; then they are gone."""
    grads = {
        name: weight.grad.clone() for name, weight in found.named_parameters() if weight.grad is not None
    }
    found.zero_grad()
    return grads
