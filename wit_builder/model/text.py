"""The text towers of open_clip's models, on texts that are cut to the longest of the batch.

Shapes in this file: B texts, L tokens of the longest of them, W width of the tower.
"""

from typing import Any

import torch
from open_clip.transformer import ResidualAttentionBlock, text_global_pool
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

_PARTS, _FEWEST = 4, 16  # of a batch by length, and texts that are worth it
_AT_ONCE = 4_096  # places whose logits over the vocabulary are held at a time


def tower(model: Any) -> Any:
    """The module with the embeddings and the transformer: `model.text`, or the model itself (open_clip's CLIP)."""
    return getattr(model, "text", model)


def ends(tokens: Tensor) -> Tensor:
    """Where each text ends, int64 [B]: its end-of-text token is the highest number that CLIP's tokenizer has."""
    return tokens.argmax(dim=1)


def may_be_cut(model: Any) -> bool:
    """Whether padding never reaches what is read: attention looks back only, and the text is read at its end."""
    text = tower(model)
    causal = text.attn_mask is not None and getattr(text, "cls_emb", None) is None
    return causal and _pool(text) in ("argmax", "eos", "first")


def features(model: Any, tokens: Tensor) -> Tensor:
    """What `model.encode_text` gives of the whole length, before it is normalised: [B, D].

    tokens: int64 [B, L], L at most the model's context length. Models that look at padding get all of it.
    """
    text = tower(model)
    if not may_be_cut(model):
        return model.encode_text(whole(text, tokens))
    if tokens.device.type == "cpu" and len(tokens) >= _FEWEST and not torch.compiler.is_compiling():
        return _by_length(text, tokens)
    return _pooled(text, tokens)


def whole(text: Any, tokens: Tensor) -> Tensor:
    """The texts at the full length of their tower."""
    return functional.pad(
        tokens, (0, text.context_length - tokens.shape[1]), value=int(getattr(text, "pad_id", 0))
    )


def _by_length(text: Any, tokens: Tensor) -> Tensor:
    """In parts of texts of about the same length, each cut to its own longest: most captions are far from it.

    On a CPU alone: to know the lengths a host would have to wait for its GPU.
    """
    lengths = ends(tokens) + 1
    order = lengths.argsort(stable=True)
    parts = [_pooled(text, tokens[some, : int(lengths[some[-1]])]) for some in order.chunk(_PARTS)]
    return torch.cat(parts)[order.argsort()]


def _pooled(text: Any, tokens: Tensor) -> Tensor:
    x = states(text, embedded(text, tokens))
    pooled = text_global_pool(
        x, tokens, _pool(text), getattr(text, "eos_id", getattr(text, "text_eos_id", None))
    )
    projection = text.text_projection
    if projection is None:
        return pooled
    return projection(pooled) if isinstance(projection, nn.Linear) else pooled @ projection


def embedded(text: Any, tokens: Tensor) -> Tensor:
    """Tokens [B, L] with their positions: [B, L, W]."""
    dtype = text.transformer.get_cast_dtype()
    return text.token_embedding(tokens).to(dtype) + text.positional_embedding[: tokens.shape[1]].to(dtype)


def states(text: Any, x: Tensor) -> Tensor:
    """[B, L, W] through the transformer, each place seeing those before it and itself."""
    mask = _causal(x)
    for block in text.transformer.resblocks:
        if text.transformer.grad_checkpointing and torch.is_grad_enabled():
            x = checkpoint(block, x, attn_mask=mask, use_reentrant=False)
        else:
            x = block(x, attn_mask=mask)
    return text.ln_final(x)


def _causal(x: Tensor) -> Tensor:
    length = x.shape[1]
    return torch.full((length, length), -torch.inf, dtype=x.dtype, device=x.device).triu_(1)


def decoded(decoder: Any, patches: Tensor, x: Tensor) -> Tensor:
    """States [B, L, W] of open_clip's decoder of captions, before its projection to words.

    patches: [B, P, W], of the image; x: [B, L, W], the text tower's states.
    """
    mask = _causal(x)
    for block, look in zip(decoder.resblocks, decoder.cross_attn, strict=True):
        if decoder.grad_checkpointing and torch.is_grad_enabled():
            x = checkpoint(block, x, attn_mask=mask, use_reentrant=False)
            x = checkpoint(look, x, k_x=patches, v_x=patches, use_reentrant=False)
        else:
            x = look(block(x, attn_mask=mask), k_x=patches, v_x=patches)
    return decoder.ln_final(x)


def spoken(states: Tensor, words: Tensor, tokens: Tensor, *, keep: bool) -> tuple[Tensor, Tensor]:
    """How likely each text is, said word by word: -log of it in nats, [B], and of how many tokens, [B].

    states: [B, L - 1, W], what each place says of the token behind it; words: [W, V], what says each of V words.
    keep: the logits, V for each token, until backward, instead of computing them again.
    """
    places = torch.arange(1, tokens.shape[1], device=tokens.device)
    read = (places <= ends(tokens)[:, None]).float()
    rows = max(1, _AT_ONCE // max(1, len(places)))
    parts = zip(states.split(rows), tokens[:, 1:].split(rows), strict=True)
    if keep:
        losses = [_surprise(some, words, due) for some, due in parts]
    else:
        losses = [checkpoint(_surprise, some, words, due, use_reentrant=False) for some, due in parts]
    return (torch.cat(losses) * read).sum(dim=1), read.sum(dim=1)


def _surprise(states: Tensor, words: Tensor, due: Tensor) -> Tensor:
    logits = (states @ words).float().flatten(0, 1)
    return functional.cross_entropy(logits, due.flatten(), reduction="none").view(due.shape)


def tell_causal(model: Any) -> None:
    """Have the text tower's attention take, in place of a mask that it reads, the kernel that needs none."""
    for block in tower(model).transformer.resblocks:
        if may_be_cut(model) and isinstance(block, ResidualAttentionBlock):
            block.attn.__class__ = _CausalAttention  # weights and their names stay


class _CausalAttention(nn.MultiheadAttention):
    """Attention that is told what its mask says."""

    def forward(self, *args: Any, **more: Any) -> tuple[Tensor, Tensor | None]:
        return super().forward(*args, **more | {"is_causal": more.get("attn_mask") is not None})


def _pool(text: Any) -> str:
    return str(getattr(text, "pool_type", getattr(text, "text_pool_type", "")))
