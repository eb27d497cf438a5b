"""Every model that open_clip has a name for can be trained, but for those of which a part would be fetched."""

import open_clip
import pytest
import torch

from wit_builder.errors import ConfigError
from wit_builder.model import build
from wit_builder.model import network as networks


def refused():
    """Names, and why."""
    found = {}
    for name in open_clip.list_models():
        try:
            build.config_of(name)
        except ConfigError as error:
            found[name] = str(error)
    return found


def test_refused_is_what_needs_a_tower_or_a_tokenizer_from_elsewhere_and_nothing_else():
    found = refused()
    assert all("fetched from the network" in said for said in found.values())
    assert {"coca_roberta-ViT-B-32", "ViT-B-16-SigLIP", "roberta-ViT-B-32"} <= found.keys()
    assert not {"coca_ViT-B-32", "EVA02-B-16", "convnext_base", "PE-Core-B-16", "ViTamin-S"} & found.keys()
    assert len(found) < 0.4 * len(open_clip.list_models())


@pytest.mark.slow
def test_all_others_are_built_and_their_shapes_fit():
    """On no data: what is computed is shapes alone."""
    for name in set(open_clip.list_models()) - refused().keys():
        with torch.device("meta"), torch.no_grad():
            network = networks.contrastive(name)
            images = torch.zeros((2, 3, *network.image_size), dtype=torch.uint8)
            image, text, *_ = network(images, torch.zeros((2, 9), dtype=torch.int64))
        assert image.shape == text.shape == (2, network.config["embed_dim"]), name
