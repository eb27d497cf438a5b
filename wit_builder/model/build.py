"""A model made by name or from a JSON file, and weights put into it; nothing is ever fetched."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from open_clip import CLIP, CoCa, CustomTextCLIP, get_model_config, list_models
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict, resize_pos_embed

from wit_builder.errors import ConfigError
from wit_builder.model.names import TINY, TINY_CONFIG, plain, unknown
from wit_builder.model.weights import Weights

MAX_CONFIG_BYTES = 1 << 20
DECODER = "multimodal_cfg"  # the part of a config that makes it open_clip's CoCa

Config = dict[str, Any]


def config_of(name: str) -> tuple[Config, Config]:
    """What the model is made of, and how pictures are prepared for it where that is said.

    name: as open_clip has it (`ViT-B-32`, or the papers' `ViT-B/32`), `tiny`, or the path of a JSON file, either a
        model's config or the `open_clip_config.json` that lies beside published weights. OpenAI's own weights want
        the names that end in `-quickgelu`.
    Raises ConfigError when there is no such model, or when a part of it would be fetched from the network.
    """
    found: Any = None
    if name == TINY or name.endswith(".json"):
        found = _file(str(TINY_CONFIG) if name == TINY else name)
    elif plain(name) in list_models():  # of others open_clip might know where to fetch them
        found = get_model_config(plain(name))
    if not isinstance(found, dict):
        raise unknown(name, list_models())
    config, preprocess = found.get("model_cfg", found), found.get("preprocess_cfg", {})
    check(name, config)
    return config, preprocess


def check(name: str, config: Config) -> None:
    """Raises ConfigError for what is no model's config, or one whose parts would be fetched from the network."""
    if not all(isinstance(config.get(key), dict) for key in ("vision_cfg", "text_cfg")):
        raise ConfigError(f"{name!r} is no config of a model: it has no vision_cfg and text_cfg")
    fetched = [key for key in config["text_cfg"] if key.startswith("hf_")]
    if fetched or ":" in str(config["vision_cfg"].get("timm_model_name", "")):
        raise ConfigError(
            f"parts of {name!r} are fetched from the network ({(*fetched, 'timm_model_name')[0]}), which is not done",
            "take a model whose towers are open_clip's own, such as ViT-B-32",
        )


def towers(name: str, config: Config) -> Any:
    """open_clip's model of that config, with random weights.

    Raises ConfigError, with open_clip's own words, when it cannot be made.
    """
    config = dict(config)
    custom = config.pop("custom_text", False)
    vision = dict(config.pop("vision_cfg"))
    if "timm_model_name" in vision:
        vision["timm_model_pretrained"] = False
    made: Callable[..., Any] = CoCa if DECODER in config else CustomTextCLIP if custom else CLIP
    try:
        return made(**config, vision_cfg=vision)
    except Exception as error:  # open_clip takes what a file says as it is
        raise ConfigError(f"open_clip cannot make the model {name!r}: {_words(error)}") from error


def fill(model: Any, state: Weights, name: str, checkpoint: str, stretch: bool = False) -> None:
    """Put the weights in place. Strictly: open_clip would stretch those of another picture size to fit.

    stretch: do so, for a model that goes on training at another image size.
    Raises ConfigError when they are another model's.
    """
    state = convert_state_dict(model, state)
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    scale = getattr(model, "logit_scale", None)
    if scale is not None and "logit_scale" in state and state["logit_scale"].numel() == 1:
        state["logit_scale"] = state["logit_scale"].reshape(scale.shape)  # once a number, once a list of one
    if stretch:
        resize_pos_embed(state, model)
    ours = model.state_dict()
    wrong = [key for key in ours if key in state and state[key].shape != ours[key].shape]
    for what, keys in (
        ("lacks", ours.keys() - state.keys()),
        ("has also", state.keys() - ours.keys()),
        ("has in another size", wrong),
    ):
        if keys:
            some = ", ".join(sorted(keys)[:2])
            raise ConfigError(
                f"{checkpoint!r} is of another model than {name!r}: it {what} {len(keys)} weights, such as {some}",
                "name the model that the checkpoint was trained as",
            )
    model.load_state_dict(state)


def _file(name: str) -> Any:
    try:
        with Path(name).open("rb") as file:
            return json.loads(file.read(MAX_CONFIG_BYTES))
    except OSError as error:
        raise ConfigError(f"{name!r} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{name!r} is no JSON: {_words(error)}") from error


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
