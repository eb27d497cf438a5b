"""Rules that ask a CLIP model: each names its model, its checkpoint, and what else it needs, by path.

Nothing is downloaded; `pip install 'wit-builder[train]'` brings torch and open_clip. `model` and `checkpoint` are
those of wit_builder.model.clip.load. What a rule measures is stored with the sample, rounded to 4 digits behind
the point, and judged as it is stored. Rules that stand one after the other with the same model embed a picture
once. `fingerprint` is filled in when the rule is made: the sha256 of its file, or of the sha256 of all of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wit_builder.errors import ConfigError
from wit_builder.filtering import Verdict
from wit_builder.model import load
from wit_builder.records import HasCaption, HasImage
from wit_filters.bounds import check_range, check_texts

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class ClipScore:
    """Drops pictures that their caption does not describe, by the cosine of both embeddings.

    Default: 0.3, which LAION-400M asks of OpenAI's ViT-B/32 (its clip_filter.py). Another model has other
    cosines: LAION-5B takes 0.28 for English and 0.26 for other languages, DataComp's baseline 0.25 of ViT-B/32.

    Stores: `clip_score`, -1 to 1.
    Drops for: `clip_score_low`.
    """

    model: str
    checkpoint: str
    minimum: float = 0.3
    fingerprint: str = ""

    def __post_init__(self) -> None:
        check_range(self, "minimum", -1, 1)
        load.pin(self)

    def judge(self, items: Sequence[HasCaption], images: Iterable[bytes], /) -> list[Verdict]:
        """A verdict for each picture, with its score."""
        clip = load.clip_of(self)
        texts = clip.embed_texts(item.caption for item in items)
        scores = (clip.embed_images(images) * texts).sum(axis=1)
        return _verdicts("clip_score", scores, low=self.minimum, reason="clip_score_low")


@dataclass(frozen=True, slots=True)
class Aesthetic:
    """Drops pictures that people would find plain, by one of LAION's predictors on the image's embedding.

    head: a state dict of LAION's aesthetic-predictor (sa_0_4_vit_l_14_linear.pth and its like) or of the
    improved one (sac+logos+ava1-l14-linearMSE.pth). Both are for OpenAI's weights of the model in their name
    (ViT-L-14-quickgelu); with another model's they give numbers without a meaning. They rate from about 1 to 10.

    Stores: `aesthetic`.
    Drops for: `aesthetic_low`.
    """

    model: str
    checkpoint: str
    head: str
    minimum: float
    fingerprint: str = ""

    def __post_init__(self) -> None:
        check_range(self, "minimum", -100, 100)
        load.pin(self)

    def judge(self, items: Sequence[HasImage], images: Iterable[bytes], /) -> list[Verdict]:
        """A verdict for each picture, with its score."""
        return _verdicts("aesthetic", _rated(self, images), low=self.minimum, reason="aesthetic_low")


@dataclass(frozen=True, slots=True)
class Nsfw:
    """Drops pictures that LAION's detector takes for nudity or pornography, on the image's embedding.

    head: a state dict of LAION's CLIP-based-NSFW-Detector: clip_ViT-L-14_openai_binary_nsfw_head.pth or
    clip_ViT-B-32_openai_binary_nsfw_head.pth, for OpenAI's weights of these models (ViT-L-14-quickgelu), or
    that of h14_nsfw_model.py for LAION's ViT-H-14, whose numbers may leave 0 to 1 a little. Its Keras archives are
    not read.
    1 is unsafe. The detector errs, in both directions; it is no proof that a picture is safe.

    Stores: `nsfw`.
    Drops for: `nsfw_high`.
    """

    model: str
    checkpoint: str
    head: str
    maximum: float
    fingerprint: str = ""

    def __post_init__(self) -> None:
        check_range(self, "maximum", 0, 1)
        load.pin(self)

    def judge(self, items: Sequence[HasImage], images: Iterable[bytes], /) -> list[Verdict]:
        """A verdict for each picture, with its score."""
        return _verdicts("nsfw", _rated(self, images), high=self.maximum, reason="nsfw_high")


@dataclass(frozen=True, slots=True)
class ClipPrompts:
    """Drops pictures that one of the `unwanted` texts describes better than all of the `others`: zero-shot.

    For what no head is at hand. Both are texts of yours, such as `("a logo",)` and `("a photograph", "a drawing")`;
    LAION-400M's workers took the nearest of such lists for a picture's category. How well it tells depends on the
    texts and the model; look at what it drops.

    Default: 0, the nearest text decides.
    Stores: `unwanted`, the highest cosine to an unwanted text less the highest to another one, -2 to 2.
    Drops for: `clip_unwanted`.
    """

    model: str
    checkpoint: str
    unwanted: tuple[str, ...]
    others: tuple[str, ...]
    maximum: float = 0.0
    fingerprint: str = ""

    def __post_init__(self) -> None:
        check_range(self, "maximum", -2, 2)
        check_texts(self, "unwanted")
        check_texts(self, "others")
        load.pin(self)

    def judge(self, items: Sequence[HasImage], images: Iterable[bytes], /) -> list[Verdict]:
        """A verdict for each picture, with its score."""
        clip = load.clip_of(self)
        texts = clip.embed_texts((*self.unwanted, *self.others))
        cosines = clip.embed_images(images) @ texts.T
        bad = len(self.unwanted)
        margin = cosines[:, :bad].max(axis=1) - cosines[:, bad:].max(axis=1)
        return _verdicts("unwanted", margin, high=self.maximum, reason="clip_unwanted")


class _WithHead(load.Rule, Protocol):
    @property
    def head(self) -> str: ...


def _rated(rule: _WithHead, images: Iterable[bytes]) -> NDArray[np.float64]:
    """What the rule's head says of each picture. Raises ConfigError when it is for a model of another width."""
    clip, head = load.clip_of(rule), load.head_of(rule)
    if head.width != clip.width:
        raise ConfigError(
            f"{type(rule).__name__}.head takes embeddings of {head.width} numbers, {clip.name} gives {clip.width}",
            "name the model that the head was trained on, or a head for this one",
        )
    return head(clip.embed_images(images))


def _verdicts(
    name: str, scores: NDArray[Any], reason: str, low: float = -np.inf, high: float = np.inf
) -> list[Verdict]:
    """Kept from low to high, both included; with the score in either case."""
    rounded = np.round(scores.astype(np.float64), _DIGITS).tolist()
    return [
        Verdict(None if low <= score <= high else reason, f"{score:.{_DIGITS}f}", ((name, score),))
        for score in rounded
    ]
