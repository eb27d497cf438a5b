"""Embeddings of pictures and texts by a CLIP model of open_clip's, its weights from a file.

Each call of the network has the same shape, the last one padded, and runs on one thread: on one machine an
embedding is then the same to the bit whatever stands beside it in the batch, and however many processes there
are. (Another batch size, processor or torch may move the last digits.)
"""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
import torch
import xxhash
from numpy.typing import NDArray
from open_clip import SimpleTokenizer
from open_clip.transform import PreprocessCfg, image_transform_v2

from wit_builder.errors import BuildError
from wit_builder.images.decode import decode, read
from wit_builder.images.picture import ImageSpec
from wit_builder.images.resize import turn
from wit_builder.model import build, own, weights

BATCH_CPU, BATCH_GPU = 16, 256  # of one call; ViT-B-32 on a core gains nothing beyond 16
MAX_CHARACTERS = 2_000  # of a text that are looked at: 77 tokens are 350 of English
MAX_WORDS = 500_000  # that a tokenizer remembers

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
    """The model of that name (`build.config_of`) with the weights of that file.

    Raises ConfigError: see load.clip_of.
    """
    config, preprocess = build.config_of(name)
    state, told = weights.read_told(checkpoint)
    own.check(told, checkpoint, name, config, preprocess)
    network = build.towers(name, config)
    build.fill(network, state, name, checkpoint)
    size = network.visual.image_size
    pixels = image_transform_v2(PreprocessCfg(**({"size": size} | preprocess)), is_train=False)
    return Clip(name, network, config, pixels)


def _picture(body: bytes) -> Any:
    """The image file as an upright Pillow image, within the bounds of images/decode.py."""
    still = read(body, ImageSpec().max_pixels)
    raster, _ = decode(still, (still.width, still.height))
    return turn(raster, still.orientation).image()


def _plain(text: str) -> str:
    """A text that a tokenizer can take: short, without half surrogate pairs."""
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode()
