"""A checkpoint as a folder that open_clip's `local-dir:` and the Hugging Face hub take."""

import json
from pathlib import Path

from safetensors.torch import save

from wit_builder import storage
from wit_builder.errors import ConfigError
from wit_builder.model import build, own, weights
from wit_builder.train import checkpoint

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"


def export(path: Path, out: Path) -> list[Path]:
    """Write config and weights of the checkpoint into the folder, as it says itself; returns the two files.

    Raises ConfigError when it is no checkpoint of ours, its network is none of open_clip's, or its weights are
    not finite.
    """
    if not path.is_file():
        raise ConfigError(
            f"there is no checkpoint {str(path)!r}", "wit export OUT/checkpoints/epoch_1.pt --out FOLDER"
        )
    found = checkpoint.load(path)
    training = json.loads(found["wit"]["training"])
    if training["objective"] != "contrastive" or training["text_encoder"] != "transformer":
        what = training["objective"] if training["objective"] != "contrastive" else "cbow"
        raise ConfigError(
            f"{str(path)!r} is a network for {what!r}, which open_clip has no class for",
            "only contrastive models with a transformer as text encoder can be exported",
        )
    weights.check_finite(found["state_dict"], str(path), "wit export an earlier checkpoint of the run")
    config, prepare = own.told(found) or build.config_of(training["model"])  # older ones do not tell
    config = own.plain(config)
    build.check(str(path), config)
    model = build.towers(training["model"], config)
    build.fill(model, found["state_dict"], training["model"], str(path))
    written = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    storage.write_bytes(out / WEIGHTS, save(written, metadata={"format": "pt"}))
    said = {"model_cfg": config, "preprocess_cfg": own.preprocessing(prepare or {})}
    storage.write_json(out / CONFIG, said)
    return [out / CONFIG, out / WEIGHTS]
