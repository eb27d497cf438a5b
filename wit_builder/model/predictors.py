"""The two baselines of figure 2: networks that predict the caption of an image, its words or its sentence.

Shapes in this file: B samples, L tokens of the longest caption, V words of the vocabulary, W width of the text tower.
"""

from typing import Any

import torch
from torch import Tensor, nn

from wit_builder.model import build, text
from wit_builder.model.network import Parts, Sighted, config_for

PREFIX = 4  # tokens that an image becomes (appendix A.2)


class WordPredictor(Sighted):
    """Predicts which words the caption has, in no order: a softmax over the vocabulary.

    The words of a caption share the target evenly: from memory the loss of Joulin et al. 2016, "Learning Visual
    Features from Large Weakly Supervised Data", which section 2.3 names.
    """

    methods = ("log_chances",)

    def log_chances(self, images: Tensor) -> Tensor:
        """uint8 [B, 3, H, W] -> logarithms of the chances of each word, [B, V]."""
        return self.inner.words(self.see(images)).float().log_softmax(dim=-1)

    def forward(self, images: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of each sample in nats, [B], and 1 for it, or 0 where its caption has no word."""
        words, are = distinct_words(tokens)
        found = (self.log_chances(images).gather(1, words) * are).sum(dim=1)
        count = are.sum(dim=1)
        return -found / count.clamp(min=1), (count > 0).float()


class Captioner(Sighted):
    """Predicts the caption word by word: the image is four tokens before it (appendix A.2, "LM RN50").

    The transformer is the text tower of the model, 63 million weights with its embeddings at RN50's size; the
    words it reads and those it says are the same vectors.
    """

    methods = ("prefix", "said")
    grad_checkpointing = True  # of the logits, always: V of them for each token

    def prefix(self, images: Tensor) -> Tensor:
        """uint8 [B, 3, H, W] -> the image as tokens, [B, 4, W]."""
        width = self.inner.token_embedding.embedding_dim
        return self.inner.prefix(self.see(images)).view(len(images), PREFIX, width)

    def said(self, prefix: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """How likely each caption is behind its prefix: -log of it in nats, [B], and of how many tokens, [B]."""
        before = text.embedded(self.inner, tokens[:, :-1])
        states = text.states(self.inner, torch.cat([prefix.to(before.dtype), before], dim=1))[:, PREFIX:]
        words = self.inner.token_embedding.weight.T
        return text.spoken(states, words, tokens, keep=not self.grad_checkpointing)

    def forward(self, images: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """-log of the likelihood of each caption, [B], and its number of tokens, [B]."""
        return self.said(self.prefix(images), tokens)


def distinct_words(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """int64 [B, L] -> each text's tokens in order of their numbers, and 1.0 where one is a word seen first.

    What starts and ends a text is no word.
    """
    places = torch.arange(tokens.shape[1], device=tokens.device)
    inside = (places > 0) & (places < text.ends(tokens)[:, None])
    words = torch.where(inside, tokens, -1).sort(dim=1).values
    first = torch.ones_like(words, dtype=torch.bool)
    first[:, 1:] = words[:, 1:] != words[:, :-1]
    return words.clamp(min=0), (first & (words >= 0)).float()


def word_predictor(name: str, patch_dropout: float = 0.0) -> WordPredictor:
    """One with random weights and the image tower of that model. Raises ConfigError: see build.config_of."""
    config, prepare, model = _model(name, patch_dropout)
    words = nn.Linear(config["embed_dim"], text.tower(model).vocab_size)
    return WordPredictor(name, config, Parts(visual=model.visual, words=words), prepare)


def captioner(name: str, patch_dropout: float = 0.0) -> Captioner:
    """One with random weights and both towers of that model. Raises ConfigError: see build.config_of."""
    config, prepare, model = _model(name, patch_dropout)
    text.tell_causal(model)
    tower = text.tower(model)
    inner = Parts(
        visual=model.visual,
        transformer=tower.transformer,
        token_embedding=tower.token_embedding,
        ln_final=tower.ln_final,
        prefix=nn.Linear(config["embed_dim"], PREFIX * tower.token_embedding.embedding_dim),
    )
    inner.positional_embedding = tower.positional_embedding
    return Captioner(name, config, inner, prepare)


def _model(name: str, patch_dropout: float) -> tuple[build.Config, Any, Any]:
    config, prepare = config_for(name, 0.07, patch_dropout)
    return config, prepare, build.towers(name, config)
