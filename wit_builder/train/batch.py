"""What one step of one rank is computed from."""

from dataclasses import dataclass, field, replace

import torch

_TENSORS = ("images", "tokens", "valid", "image_ids", "text_ids")


@dataclass(frozen=True, slots=True)
class Batch:
    """B samples in the order of the epoch.

    images: uint8 [B, 3, H, W], RGB, cropped to the size of the model.
    tokens: int64 [B, L], L the longest caption of the batch, at most 77; behind its end-of-text token each row
        is 0.
    valid: bool [B]; False where the sample could not be read: its row and its column take no part in the loss.
    image_ids, text_ids: int64 [B], hashes; equal ones are duplicates of each other.
    keys: of the samples. skipped: how many could not be read, by reason.
    """

    images: torch.Tensor
    tokens: torch.Tensor
    valid: torch.Tensor
    image_ids: torch.Tensor
    text_ids: torch.Tensor
    keys: list[str] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)

    def to(self, device: torch.device) -> "Batch":
        """On that device; the copy of pinned memory does not wait."""
        return replace(self, **{name: getattr(self, name).to(device, non_blocking=True) for name in _TENSORS})

    def rows(self, start: int, stop: int) -> "Batch":
        """These samples of it, without their keys."""
        return replace(
            self, **{name: getattr(self, name)[start:stop] for name in _TENSORS}, keys=[], skipped={}
        )

    def __len__(self) -> int:
        return len(self.valid)
