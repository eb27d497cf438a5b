"""Embeddings by any network on pixels: in batches of one shape, on one thread, rows of unit length.

On one machine an embedding is then the same to the bit, whatever stands beside it in the batch.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wit_builder.audit.detectors import Rows
from wit_builder.errors import BuildError
from wit_builder.images.square import Pixels

BATCH_CPU, BATCH_GPU = 16, 256  # images of a call


class Embedder:
    """A network that takes uint8 [B, 3, S, S] and gives [B, D] of any length.

    name: for what is said when it gives no usable numbers.
    """

    def __init__(self, name: str, network: Callable[[Tensor], Tensor], device: torch.device) -> None:
        self._name, self._network, self._device = name, network, device
        self._batch = BATCH_GPU if device.type == "cuda" else BATCH_CPU

    def rows(self, views: Sequence[Pixels | None]) -> list[Rows | None]:
        """Of each image float32 [views, D], rows of unit length; None for one that could not be read.

        views: uint8 [views, S, S, 3] of each. Raises BuildError when the network gives anything else.
        """
        some = [one for one in views if one is not None]
        if not some:
            return [None for _ in views]
        vectors = self.vectors(np.concatenate(some))
        cuts = np.cumsum([len(one) for one in some])[:-1]
        parts = iter(np.split(vectors, cuts))
        return [None if one is None else next(parts) for one in views]

    def vectors(self, pixels: Pixels) -> NDArray[np.float32]:
        """uint8 [n, S, S, 3] -> float32 [n, D], rows of unit length. Raises BuildError."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return np.concatenate(
                [
                    self._batch_of(pixels[start : start + self._batch])
                    for start in range(0, len(pixels), self._batch)
                ]
            )
        finally:
            torch.set_num_threads(threads)

    def _batch_of(self, some: Pixels) -> NDArray[np.float32]:
        batch = np.zeros((self._batch, *some.shape[1:]), np.uint8)
        batch[: len(some)] = some
        with torch.inference_mode():
            found = self._network(torch.from_numpy(batch).permute(0, 3, 1, 2).to(self._device))
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != self._batch:
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise BuildError(f"{self._name} gives {shape} for {self._batch} images, expected a row for each")
        rows: NDArray[np.float32] = found[: len(some)].float().cpu().numpy()
        lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise BuildError(f"{self._name} gives embeddings that are zero or not finite", "check its file")
        unit: NDArray[np.float32] = rows / lengths
        return unit


def device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
