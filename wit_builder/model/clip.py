"""Embeddings of pictures and texts by a CLIP model of open_clip's, its weights from a file.

Each call of the network has the same shape, the last one padded, and runs on one thread: on one machine an
embedding is then the same to the bit whatever stands beside it in the batch, and however many processes there
are. (Another batch size, processor or torch may move the last digits.)
"""

import difflib
import json
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xxhash
from numpy.typing import NDArray
from open_clip import (
    CLIP,
    CoCa,
    CustomTextCLIP,
    SimpleTokenizer,
    get_model_config,
    list_models,
)
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict
from open_clip.transform import PreprocessCfg, image_transform_v2

from wit_builder.errors import BuildError, ConfigError
from wit_builder.images.decode import decode, read
from wit_builder.images.picture import ImageSpec
from wit_builder.images.resize import turn
from wit_builder.model import weights

BATCH_CPU, BATCH_GPU = 16, 256  # of one call; ViT-B-32 on a core gains nothing beyond 16
MAX_CHARACTERS = 2_000  # of a text that are looked at: 77 tokens are 350 of English
MAX_WORDS = 500_000  # that a tokenizer remembers
MAX_CONFIG_BYTES = 1 << 20

Embeddings = NDArray[np.float32]  # n by `Clip.width`, rows of unit length


class Clip:
    """A CLIP model that embeds; on a GPU where torch finds one."""

    def __init__(self, name: str, network: torch.nn.Module, config: dict[str, Any], pixels: Any) -> None:
        self.name, self.width = name, int(config["embed_dim"])
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._batch = BATCH_GPU if self._device.type == "cuda" else BATCH_CPU
        self._network, self._pixels = network.to(self._device).eval(), pixels
        self._text = config["text_cfg"]
        self._tokenizer: Any = None
        self._seen: dict[bytes, Embeddings] = {}  # by the pictures' bytes, of the last call
        torch.set_num_threads(1)

    def embed_images(self, images: Iterable[bytes]) -> Embeddings:
        """n whole image files, read one after the other, as n by `width`.

        What the last call embedded is not done again, so that several rules of one model cost one.
        Raises ImageError for bytes that are no picture, BuildError when the model gives no finite numbers.
        """
        order: list[bytes] = []
        found: dict[bytes, Embeddings] = {}
        waiting: dict[bytes, torch.Tensor] = {}
        for image in images:
            key = xxhash.xxh3_128_digest(image)
            order.append(key)
            if key in self._seen:
                found[key] = self._seen[key]
            elif key not in found and key not in waiting:
                waiting[key] = self._pixels(_picture(image))
            if len(waiting) == self._batch:
                found |= self._embedded(waiting)
                waiting = {}
        found |= self._embedded(waiting)
        self._seen = found
        return self._rows([found[key] for key in order])

    def embed_texts(self, texts: Iterable[str]) -> Embeddings:
        """n texts as n by `width`. Of a long text the start counts, as many tokens as the model takes."""
        rows: list[Embeddings] = []
        texts = iter(texts)
        while some := list(islice(texts, self._batch)):
            rows.extend(self._run("encode_text", self._tokens(some)))
        return self._rows(rows)

    def _embedded(self, pictures: dict[bytes, torch.Tensor]) -> dict[bytes, Embeddings]:
        if not pictures:
            return {}
        return dict(
            zip(pictures, self._run("encode_image", torch.stack(list(pictures.values()))), strict=True)
        )

    def _run(self, encode: str, some: torch.Tensor) -> Embeddings:
        """One call of the network for at most a batch; rows of unit length."""
        batch = torch.zeros((self._batch, *some.shape[1:]), dtype=some.dtype)
        batch[: len(some)] = some
        with torch.inference_mode():
            values = getattr(self._network, encode)(batch.to(self._device))
        rows: Embeddings = values[: len(some)].float().cpu().numpy()
        lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise BuildError(
                f"the model {self.name} gives embeddings that are zero or not finite", "check its checkpoint"
            )
        unit: Embeddings = rows / lengths
        return unit

    def _tokens(self, texts: list[str]) -> torch.Tensor:
        if self._tokenizer is None or len(self._tokenizer.cache) > MAX_WORDS:
            length = self._text.get("context_length", 77)
            self._tokenizer = SimpleTokenizer(context_length=length, **self._text.get("tokenizer_kwargs", {}))
        tokens: torch.Tensor = self._tokenizer([_plain(text) for text in texts])
        return tokens

    def _rows(self, rows: list[Embeddings]) -> Embeddings:
        return np.stack(rows) if rows else np.empty((0, self.width), np.float32)


def load(name: str, checkpoint: str) -> Clip:
    """The model of that name with the weights of that file.

    name: as open_clip has it (`ViT-B-32`, or the papers' `ViT-B/32`), or the path of a JSON file, either a model's
        config or the `open_clip_config.json` that lies beside published weights. OpenAI's own weights want the
        names that end in `-quickgelu`.
    Raises ConfigError: see load.clip_of.
    """
    config, preprocess = _config(name)
    state = weights.read(checkpoint)
    try:
        network = _network(config)
    except Exception as error:  # open_clip takes what a file says as it is
        raise ConfigError(f"open_clip cannot make the model {name!r}: {_words(error)}") from error
    _fill(network, state, name, checkpoint)
    size = network.visual.image_size
    pixels = image_transform_v2(PreprocessCfg(**({"size": size} | preprocess)), is_train=False)
    return Clip(name, network, config, pixels)


def _config(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the model is made of, and how pictures are prepared for it where that is said."""
    plain = name.replace("/", "-")
    found: Any = None
    if name.endswith(".json"):
        found = _config_file(name)
    elif plain in list_models():  # of others open_clip might know where to fetch them
        found = get_model_config(plain)
    if not isinstance(found, dict):
        near = difflib.get_close_matches(name, list_models(), 3)
        raise ConfigError(
            f"open_clip has no model {name!r}, and none is fetched from the network",
            f"one of {', '.join(near or ['ViT-B-32', 'ViT-L-14'])}, or the path of its open_clip_config.json",
        )
    config, preprocess = found.get("model_cfg", found), found.get("preprocess_cfg", {})
    if not all(isinstance(config.get(key), dict) for key in ("vision_cfg", "text_cfg")):
        raise ConfigError(f"{name!r} is no config of a model: it has no vision_cfg and text_cfg")
    fetched = [key for key in config["text_cfg"] if key.startswith("hf_")]
    if fetched or ":" in str(config["vision_cfg"].get("timm_model_name", "")):
        raise ConfigError(
            f"parts of {name!r} are fetched from the network ({(*fetched, 'timm_model_name')[0]}), which is not done",
            "take a model whose towers are open_clip's own, such as ViT-B-32",
        )
    return config, preprocess


def _config_file(name: str) -> Any:
    try:
        with Path(name).open("rb") as file:
            return json.loads(file.read(MAX_CONFIG_BYTES))
    except OSError as error:
        raise ConfigError(f"{name!r} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{name!r} is no JSON: {_words(error)}") from error


def _network(config: dict[str, Any]) -> Any:
    """The towers with random weights, as open_clip's create_model makes them."""
    config = dict(config)
    custom = config.pop("custom_text", False)
    vision = dict(config.pop("vision_cfg"))
    if "timm_model_name" in vision:
        vision["timm_model_pretrained"] = False
    made: Callable[..., Any] = CoCa if "multimodal_cfg" in config else CustomTextCLIP if custom else CLIP
    return made(**config, vision_cfg=vision)


def _fill(network: Any, state: weights.Weights, name: str, checkpoint: str) -> None:
    """Put the weights in place. Strictly: open_clip would stretch those of another picture size to fit."""
    state = convert_state_dict(network, state)
    if "positional_embedding" in state and not hasattr(network, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    if "logit_scale" in state and state["logit_scale"].numel() == 1:  # once a number, once a list of one
        state["logit_scale"] = state["logit_scale"].reshape(network.logit_scale.shape)
    ours = network.state_dict()
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
    network.load_state_dict(state)


def _picture(body: bytes) -> Any:
    """The image file as an upright Pillow image, within the bounds of images/decode.py."""
    still = read(body, ImageSpec().max_pixels)
    raster, _ = decode(still, (still.width, still.height))
    return turn(raster, still.orientation).image()


def _plain(text: str) -> str:
    """A text that a tokenizer can take: short, without half surrogate pairs."""
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
