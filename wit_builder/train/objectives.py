"""What is learnt: which caption belongs to which image, or, as in figure 2, the caption's words or its sentence.

Each objective has a network of its own kind, a loss, and a way to say which class an image shows (zero-shot).
Shapes in this file: B samples, C classes, T prompts of a class, L tokens.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from wit_builder.model import network as networks
from wit_builder.model import predictors
from wit_builder.model.text import ends
from wit_builder.train.batch import Batch
from wit_builder.train.loss import contrastive_loss, total, world_size
from wit_builder.train.settings import Training

Classifier = Callable[[Tensor], Tensor]  # uint8 [B, 3, H, W] -> scores [B, C], the highest is the answer
_PROMPTS_AT_ONCE = 256


class Objective(ABC):
    """A network and what it is trained for."""

    separable = True  # the loss is a sum over samples
    network: networks.Sighted

    @abstractmethod
    def terms(self, batch: Batch) -> Tensor:
        """How many terms the loss of the batch is the mean of, on all ranks together; at least 1."""

    @abstractmethod
    def loss(self, outputs: tuple[Tensor, ...], batch: Batch, terms: Tensor) -> Tensor:
        """Of what `network(batch.images, batch.tokens)` gave, in nats; its mean over ranks is the whole loss.

        terms: of the whole batch, where this is a part of it.
        """

    @abstractmethod
    def classifier(self, prompts: Tensor) -> Classifier:
        """What says of images how well each class fits, from prompts int64 [C, T, L].

        Several prompts of a class count together. The network should be in eval mode.
        """

    def zero_shot(self, images: Tensor, prompts: Tensor) -> Tensor:
        """Scores [B, C] of images uint8 [B, 3, H, W] for classes given as prompts int64 [C, T, L]."""
        return self.classifier(prompts)(images)


class Contrastive(Objective):
    """Which caption of the batch belongs to which image (figure 3)."""

    separable = False

    def __init__(self, network: networks.Network, mask_duplicates: bool = True) -> None:
        self.network: networks.Network = network
        self.mask_duplicates = mask_duplicates

    def terms(self, batch: Batch) -> Tensor:
        """One: the loss counts its pairs itself."""
        return torch.ones((), device=batch.valid.device)

    def loss(self, outputs: tuple[Tensor, ...], batch: Batch, terms: Tensor) -> Tensor:
        """See loss.contrastive_loss."""
        ids = (batch.image_ids, batch.text_ids) if self.mask_duplicates else ()
        image, text, scale = outputs
        return contrastive_loss(image, text, scale, batch.valid, ids)

    def classifier(self, prompts: Tensor) -> Classifier:
        """By the similarity to the mean of the class's embedded prompts (section 3.1.4)."""
        with torch.no_grad():
            parts = [self.network.encode_text(some) for some in prompts.flatten(0, 1).split(_PROMPTS_AT_ONCE)]
            classes = functional.normalize(
                torch.cat(parts).unflatten(0, prompts.shape[:2]).mean(dim=1), dim=-1
            )

        @torch.no_grad()
        def scores(images: Tensor) -> Tensor:
            return self.network.encode_image(images) @ classes.T

        return scores


class ContrastiveCaptions(Contrastive):
    """Both of these: which caption belongs to which image, and the caption, word by word (CoCa).

    The second counts twice, as in open_clip's trainer (`--coca-caption-loss-weight`).
    """

    WEIGHT = 2.0

    def terms(self, batch: Batch) -> Tensor:
        """The tokens of the valid captions; pairs are counted by the contrastive loss itself."""
        return _tokens(batch)

    def loss(self, outputs: tuple[Tensor, ...], batch: Batch, terms: Tensor) -> Tensor:
        """The sum of the two means, over pairs and over tokens."""
        image, text, said, scale = outputs
        spoken = torch.where(batch.valid, said, 0).sum() * world_size() / terms
        return super().loss((image, text, scale), batch, terms) + self.WEIGHT * spoken


class _Predicting(Objective):
    """A loss that each sample has for itself."""

    network: predictors.WordPredictor | predictors.Captioner

    def loss(self, outputs: tuple[Tensor, ...], batch: Batch, terms: Tensor) -> Tensor:
        """The mean over what is predicted: captions, or their tokens."""
        losses, _ = outputs
        return torch.where(batch.valid & self._has(batch), losses, 0).sum() * world_size() / terms

    def _has(self, batch: Batch) -> Tensor:
        return torch.ones_like(batch.valid)


class Words(_Predicting):
    """The caption's bag of words (figure 2, "Bag of Words Prediction")."""

    def __init__(self, network: predictors.WordPredictor) -> None:
        self.network: predictors.WordPredictor = network

    def terms(self, batch: Batch) -> Tensor:
        """The valid samples whose captions have words."""
        return total((batch.valid & self._has(batch)).sum()).clamp(min=1)

    def _has(self, batch: Batch) -> Tensor:
        return predictors.distinct_words(batch.tokens)[1].any(dim=1)

    def classifier(self, prompts: Tensor) -> Classifier:
        """By the sum of the log chances of a prompt's words, averaged over the class's prompts."""
        words, first = predictors.distinct_words(prompts.flatten(0, 1))
        used, where = words.unique(return_inverse=True)
        weights = first.new_zeros((len(words), len(used))).scatter_add_(1, where, first)
        classes = weights.unflatten(0, prompts.shape[:2]).mean(dim=1)

        @torch.no_grad()
        def scores(images: Tensor) -> Tensor:
            return self.network.log_chances(images)[:, used] @ classes.T

        return scores


class Captions(_Predicting):
    """The caption, word by word (figure 2, "Transformer Language Model")."""

    def __init__(self, network: predictors.Captioner) -> None:
        self.network: predictors.Captioner = network

    def terms(self, batch: Batch) -> Tensor:
        """The tokens of the valid captions, their starts not counted."""
        return _tokens(batch)

    def classifier(self, prompts: Tensor) -> Classifier:
        """By the log likelihood of a prompt, averaged over the class's prompts."""
        flat = prompts.flatten(0, 1)

        @torch.no_grad()
        def scores(images: Tensor) -> Tensor:
            prefix = self.network.prefix(images)
            found = [self._likely(one, flat).unflatten(0, prompts.shape[:2]).mean(dim=1) for one in prefix]
            return torch.stack(found)

        return scores

    def _likely(self, prefix: Tensor, prompts: Tensor) -> Tensor:
        """Log likelihood of each prompt behind one image's prefix."""
        parts = prompts.split(_PROMPTS_AT_ONCE)
        return torch.cat([-self.network.said(prefix.expand(len(some), -1, -1), some)[0] for some in parts])


def _tokens(batch: Batch) -> Tensor:
    """Of the valid captions of all ranks, their starts not counted; at least 1."""
    return total((ends(batch.tokens) * batch.valid).sum()).clamp(min=1)


def make(training: Training) -> Objective:
    """The objective of a run, its network with the random weights of the run's seed, or those of `init`.

    Raises ConfigError for a model that is not known, or `init` that is another model's.
    """
    torch.manual_seed(training.seed)
    objective = _MADE[training.objective](training)
    if training.init:
        networks.begin_from(objective.network, training.init)
    if training.checkpointing:
        objective.network.keep_less()
    if training.compile:
        objective.network.compile()
    return objective


def _contrastive(training: Training) -> Objective:
    network = networks.contrastive(
        training.model,
        temperature=training.temperature,
        patch_dropout=training.patch_dropout,
        cbow=training.text_encoder == "cbow",
    )
    made = ContrastiveCaptions if isinstance(network, networks.Coca) else Contrastive
    return made(network, training.mask_duplicates)


_MADE: dict[str, Callable[[Training], Any]] = {
    "contrastive": _contrastive,
    "words": lambda training: Words(predictors.word_predictor(training.model, training.patch_dropout)),
    "captions": lambda training: Captions(predictors.captioner(training.model, training.patch_dropout)),
}
