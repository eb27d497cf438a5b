"""All that shapes a training run, as one frozen value; and what the paper says it should be.

Tables and sections are those of "Learning Transferable Visual Models From Natural Language Supervision" (2021).
"""

import math
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args, get_origin, get_type_hints

from wit_builder.errors import ConfigError
from wit_builder.model.names import RESNETS, TINY, paper_name, plain

Aim = Literal["contrastive", "words", "captions"]
TextEncoder = Literal["transformer", "cbow"]
Precision = Literal["bf16", "fp32"]
Captions = Literal["any", "first"]
Crop = Literal["random", "centre"]


@dataclass(frozen=True, slots=True)
class Training:
    """A run as it is kept in its checkpoints. Defaults are table 18's, for a Vision Transformer.

    model: a name that open_clip has, in its spelling or the paper's; the path of a JSON config; or `tiny`.
    init: the checkpoint of a model to go on from, "" for random weights. Position embeddings of another image
        size are stretched (section 2.5: ViT-L/14@336px goes on from ViT-L/14).
    sources: shard lists, as the loader takes them; weights: how often each is drawn from, () for by its size.
    batch: samples in one step, of all ranks together. micro_batch: samples of one pass of the network on one
        rank, 0 for all at once; the gradient is the same (gradcache.py), but for batch norms, which see a pass.
    epochs: passes over the data. samples: to be seen in all, in place of epochs where it is not 0; as many whole
        batches as they fill, and the schedule spans them. seed: of weights, order, crops and the choice of captions.
    objective: `contrastive` (figure 3), or the other two of figure 2: `words` predicts the caption's bag of words,
        `captions` its words one after the other. text_encoder: under the contrastive objective.
    lr: at the end of the warm-up, which is so many steps long. temperature: that similarities are divided by at
        first; max_logit_scale: the most that they are ever multiplied by.
    mask_duplicates: equal images or captions in one batch are no negatives of each other.
    precision: of products (`bf16`: autocast; weights stay in 32 bits). checkpointing: activations are computed
        again instead of kept. compile: by torch.compile.
    captions: of an image with several, one drawn anew each epoch, or always the first.
    crop: a random square of 7/8 of the short side (section 2.3: the only augmentation; images/square.py), or its
        centre. patch_dropout: share of an image's patches that a Vision Transformer passes over.
    max_skipped: share of samples that may be unusable before the run stops.
    grad_clip: the longest a gradient may be, 0 for any length.
    """

    model: str
    init: str = ""
    sources: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    batch: int = 32_768
    micro_batch: int = 0
    epochs: int = 32
    samples: int = 0
    seed: int = 0
    objective: Aim = "contrastive"
    text_encoder: TextEncoder = "transformer"
    lr: float = 5e-4
    beta1: float = 0.9
    beta2: float = 0.98
    eps: float = 1e-6
    weight_decay: float = 0.2
    warmup: int = 2_000
    grad_clip: float = 0.0
    temperature: float = 0.07
    max_logit_scale: float = 100.0
    mask_duplicates: bool = True
    precision: Precision = "bf16"
    checkpointing: bool = False
    compile: bool = False
    patch_dropout: float = 0.0
    captions: Captions = "any"
    crop: Crop = "random"
    max_skipped: float = 0.1

    @property
    def is_open_clip(self) -> bool:
        """Whether open_clip has a class for the network."""
        return self.objective == "contrastive" and self.text_encoder == "transformer"

    def steps(self, per_epoch: int) -> int:
        """Of the whole run. per_epoch: steps of an epoch."""
        return self.samples // self.batch if self.samples else self.epochs * per_epoch

    def __post_init__(self) -> None:
        """Raises ConfigError that names the field, before anything runs."""
        hints = get_type_hints(type(self))
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name), hints[field.name])
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if not (least <= value <= most):
                raise ConfigError(f"{name} is {value!r}, expected {least:g} to {most:g}")
        self._check_together()

    def _check_together(self) -> None:
        if self.weights and len(self.weights) != len(self.sources):
            raise ConfigError(
                f"{len(self.weights)} weights for {len(self.sources)} sources", "give one for each"
            )
        if not all(math.isfinite(weight) and weight > 0 for weight in self.weights):
            raise ConfigError(f"weights are {self.weights!r}, expected numbers above 0", "--shards WORD@0.5")
        if 0 < self.samples < self.batch:
            raise ConfigError(
                f"samples is {self.samples}, less than one batch of {self.batch}",
                f"--samples {self.batch}, or more",
            )
        if 1 / self.temperature > self.max_logit_scale:
            raise ConfigError(
                f"temperature {self.temperature:g} is a logit scale of {1 / self.temperature:g}, "
                f"more than max_logit_scale {self.max_logit_scale:g}"
            )
        if self.text_encoder == "cbow" and self.objective != "contrastive":
            raise ConfigError(f"the objective {self.objective!r} has no text encoder, so it cannot be cbow")


_BOUNDS: dict[str, tuple[float, float]] = {
    "batch": (1, 1 << 24),
    "micro_batch": (0, 1 << 24),
    "epochs": (1, 1 << 20),
    "samples": (0, 1 << 50),
    "seed": (0, 2**63 - 1),
    "lr": (1e-12, 10.0),
    "beta1": (0.0, 0.99999),
    "beta2": (0.0, 0.9999999),
    "eps": (1e-16, 1.0),
    "weight_decay": (0.0, 10.0),
    "warmup": (0, 1 << 40),
    "grad_clip": (0.0, 1e12),
    "temperature": (1e-4, 1e4),
    "max_logit_scale": (1e-3, 1e4),
    "patch_dropout": (0.0, 0.99),
    "max_skipped": (0.0, 1.0),
}
_OWN = {
    "model",
    "init",
    "sources",
    "weights",
    "seed",
    "micro_batch",
    "checkpointing",
    "compile",
    "max_skipped",
}
_TABLE = {  # tables 19 and 20: learning rates
    "RN50": 5e-4,
    "RN101": 5e-4,
    "RN50x4": 5e-4,
    "RN50x16": 4e-4,
    "RN50x64": 3.6e-4,
    "ViT-B-32": 5e-4,
    "ViT-B-16": 5e-4,
    "ViT-L-14": 4e-4,
    "ViT-L-14-336": 2e-5,
}


def preset(model: str) -> Training:
    """The paper's recipe for one of its nine models; of another, that of ViT-B/32; of `tiny`, one for a CPU.

    Betas and epsilon by family (table 18), learning rates by model (tables 19 and 20), one epoch for
    ViT-L/14@336px (section 2.5).
    """
    name = paper_name(model)
    if plain(model) == TINY:
        return Training(TINY, batch=128, epochs=10, lr=1e-3, warmup=50, precision="fp32")
    if name is None:
        return Training(plain(model))
    recipe = Training(plain(model), lr=_TABLE[name])
    if name in RESNETS:
        return replace(recipe, beta2=0.999, eps=1e-8)
    return replace(recipe, epochs=1) if name == "ViT-L-14-336" else recipe


def deviations(training: Training) -> list[str]:
    """A line for each value that is not the preset's: `batch is 256, the preset of ViT-B-32 says 32768`.

    Not compared is what belongs to this run alone (data, seed), or does not change what is computed.
    """
    recipe = preset(training.model)
    if training.samples:
        seen = f"samples is {training.samples}, the preset of {recipe.model} says {recipe.epochs} epochs"
        return [seen, *deviations(replace(training, samples=0, epochs=recipe.epochs))]
    return [
        f"{name} is {ours!r}, the preset of {recipe.model} says {theirs!r}"
        for name in (field.name for field in fields(training) if field.name not in _OWN)
        if (ours := getattr(training, name)) != (theirs := getattr(recipe, name))
    ]


def _check_type(name: str, value: object, hint: object) -> None:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ConfigError(f"{name} is {value!r}, expected one of {', '.join(get_args(hint))}")
        return
    if get_origin(hint) is tuple:
        kind = get_args(hint)[0]
        if not isinstance(value, tuple) or not all(_is(item, kind) for item in value):
            raise ConfigError(f"{name} is {value!r}, expected a tuple of {kind.__name__}")
    elif not _is(value, hint):
        raise ConfigError(f"{name} is {value!r}, expected {getattr(hint, '__name__', hint)}")


def _is(value: object, kind: object) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))  # type: ignore[arg-type]
