"""Training appendix C's detector: each image of a batch is to find its own copy among all copies, and the other way
round, at a fixed temperature of 0.07 (InfoNCE, the n-pair loss).

What a step does is a function of settings, data and the number of the step, so a run that was stopped goes on from
its checkpoint as if nothing had been. Not in the appendix, and chosen here: Adam, its learning rate with a short
warm-up and a half cosine, and that gradients are kept no longer than 1.

Shapes in this file: B images, D dimensions.
"""

import json
import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from wit_builder import storage
from wit_builder.audit.learned import embed, file
from wit_builder.audit.learned.network import VARIANTS, Network
from wit_builder.audit.learned.pairs import Pairs, Source
from wit_builder.audit.learned.recall import PRECISION, Point, at_precision
from wit_builder.errors import BuildError, ConfigError
from wit_builder.shardset import sources
from wit_builder.shardset.cache import Cache
from wit_builder.train.stopping import stoppable

FILE, CHECKPOINT = "detector.safetensors", "checkpoint.pt"
TEMPERATURE = 0.07
WARMUP = 0.05  # of all steps
BETAS, LONGEST = (0.9, 0.98), 1.0
SAVE_EVERY, TELL_EVERY = 100, 10  # steps
_FIRST = 128  # images that weights are scaled by
_TOGETHER = 64  # of the images held out that are in memory
_WHITENED = 2048  # images that embeddings are whitened by


@dataclass(frozen=True, slots=True)
class Settings:
    """All that shapes a detector. batch: images of a step; the appendix has 1,712. Raises ConfigError."""

    sources: tuple[str, ...]
    variant: str = "rn50"
    batch: int = 1712
    epochs: int = 1
    lr: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ConfigError(f"variant is {self.variant!r}, expected one of {', '.join(VARIANTS)}")
        for name, least, most in (("batch", 2, 1 << 20), ("epochs", 1, 1 << 20), ("lr", 1e-9, 1.0)):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigError(f"{name} is {value!r}, expected {least:g} to {most:g}")


class Watcher(Protocol):
    """What shows how far training is."""

    def begin(self, step: int, steps: int, batch: int) -> None: ...  # noqa: D102

    def step(self, step: int) -> None: ...  # noqa: D102

    def say(self, sentence: str) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. detector: its file, None where a signal ended the run; the same call then goes on."""

    detector: Path | None
    step: int
    steps: int
    header: file.Header | None


class Trainer:
    """A run in the folder `out`, from its checkpoint on where it has one.

    piece: images that go through the network at once, 0 for all; the gradient is the same.
    Raises ConfigError for settings that cannot work, and for a folder of another run.
    """

    def __init__(self, settings: Settings, out: Path, cache: Cache, piece: int = 0) -> None:
        self.settings, self.out, self._piece = settings, out, piece
        found = sources.shards(settings.sources, cache)
        self.data = sources.fingerprint(found)
        self.shape = VARIANTS[settings.variant]
        self.source = Source(found, cache, settings.seed, settings.batch, self.shape.size)
        self.steps = settings.epochs * self.source.steps
        self.step = 0
        self.device = embed.device()
        torch.manual_seed(settings.seed)
        self.network = Network(self.shape)
        before = self._before()
        if before is None:
            self.network.begin(_tensor(self.source.step(0).copies[:_FIRST]))
        else:
            self.network.load_state_dict(before["weights"])
            self.step = before["step"]
        self.network.to(self.device)
        weights = list(self.network.parameters())
        self.optimizer = torch.optim.Adam(weights, lr=settings.lr, betas=BETAS, fused=True)
        if before is not None:
            self.optimizer.load_state_dict(before["optimizer"])

    def train(self, watcher: Watcher) -> Outcome:
        """To the end, or until a signal; a checkpoint is written then, and every so many steps.

        Raises BuildError when the loss is not finite, or nothing can be written.
        """
        watcher.begin(self.step, self.steps, self.settings.batch)
        with closing(self.source), stoppable() as stop, self._ahead() as batches:
            for pairs in batches:
                loss = self._advance(pairs)
                watcher.step(self.step)
                saving = self.step % SAVE_EVERY == 0 or stop.asked or self.step == self.steps
                if saving or self.step % TELL_EVERY == 0:
                    self._tell(watcher, loss)
                if saving:
                    self._save()
                if stop.asked and self.step < self.steps:
                    return Outcome(None, self.step, self.steps, None)
            return self._finished()

    def _advance(self, pairs: Pairs) -> Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        loss = self._gradients(
            _tensor(np.concatenate([pairs.images, pairs.copies])).to(self.device), torch.from_numpy(pairs.ids)
        )
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), LONGEST)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return loss

    def _gradients(self, images: Tensor, ids: Tensor) -> Tensor:
        """In pieces: first all embeddings, then the gradient of each, then each piece again with its own."""
        pieces = images.split(self._piece or len(images))
        if len(pieces) == 1:
            loss = contrastive(self._embed(images), ids)
            loss.backward()
            return loss.detach()
        with torch.no_grad():
            found = torch.cat([self._embed(piece) for piece in pieces])
        found.requires_grad_()
        loss = contrastive(found, ids)
        loss.backward()
        assert found.grad is not None
        for piece, grad in zip(pieces, found.grad.split(self._piece), strict=True):
            self._embed(piece).backward(grad)
        return loss.detach()

    def _embed(self, images: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16):
            return self.network(images)

    def _rate(self) -> float:
        warmup = max(1, round(WARMUP * self.steps))
        falling = 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
        return self.settings.lr * min(1.0, (self.step + 1) / warmup) * falling

    @contextmanager
    def _ahead(self) -> Iterator[Iterator[Pairs]]:
        """The batches that are left, one made while another is learnt from."""
        with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
            yield self._batches(pool)

    def _batches(self, pool: ThreadPoolExecutor) -> Iterator[Pairs]:
        waiting: Future[Pairs] | None = None
        for number in range(self.step, self.steps):
            now = waiting or pool.submit(self.source.step, number)
            waiting = pool.submit(self.source.step, number + 1) if number + 1 < self.steps else None
            yield now.result()

    def _tell(self, watcher: Watcher, loss: Tensor) -> None:
        value = float(loss)
        if not math.isfinite(value):
            raise BuildError(
                f"the loss is {value} at step {self.step}",
                f"--out OTHER_FOLDER --lr {self.settings.lr / 3:.0e}",
            )
        watcher.say(f"step {self.step:,} of {self.steps:,}: loss {value:.3f}")

    def _before(self) -> dict[str, Any] | None:
        path = self.out / CHECKPOINT
        if not path.exists():
            return None
        try:
            found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            said = json.loads(found["settings"]), found["data"]
        except Exception as error:  # whatever a file's bytes do to torch
            raise ConfigError(f"{str(path)!r} cannot be read", f"rm {path}") from error
        now = json.loads(self._said())
        for name, value in now.items():
            if name != "sources" and said[0].get(name) != value:
                raise ConfigError(
                    f"{str(self.out)!r} was begun with {name} {said[0].get(name)!r}, now it is {value!r}",
                    "--out OTHER_FOLDER, or the options that it was begun with",
                )
        if said[1] != self.data:
            raise ConfigError(f"{str(self.out)!r} was begun with other shards", "--out OTHER_FOLDER")
        return found

    def _said(self) -> str:
        return json.dumps(asdict(self.settings))

    def _save(self) -> None:
        what = {
            "settings": self._said(),
            "data": self.data,
            "step": self.step,
            "weights": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with storage.whole(self.out / CHECKPOINT) as temporary:
            torch.save(what, temporary)

    def _held(self) -> tuple[Any, Any, Any]:
        """The images held out, [n, views, D], their copies, [n, D], and their ids, [n]."""
        embedder = self._embedder()
        found: list[tuple[Any, Any, Any]] = []
        for first in range(0, self.source.held_out, _TOGETHER):
            pairs = self.source.held(first, min(first + _TOGETHER, self.source.held_out))
            images = embedder.vectors(pairs.images.reshape(-1, *pairs.images.shape[2:]))
            images = images.reshape(len(pairs.ids), -1, self.shape.dimensions)
            found.append((images, embedder.vectors(pairs.copies), pairs.ids))
        images, copies, ids = (np.concatenate(some) for some in zip(*found, strict=True))
        return images, copies, ids

    def _embedder(self) -> embed.Embedder:
        return embed.Embedder("the detector", self.network.eval(), self.device)

    def _whiten(self) -> None:
        """By the copies of the first steps."""
        steps = range(min(self.source.steps, -(-_WHITENED // self.settings.batch)))
        embedder = self._embedder()
        rows = [embedder.vectors(self.source.step(number).copies) for number in steps]
        self.network.whiten(torch.from_numpy(np.concatenate(rows)).to(self.device))

    def _finished(self) -> Outcome:
        """The file is written, its threshold from the images held out."""
        self._whiten()
        images, copies, ids = self._held()
        accuracy, point = judged(images, copies, ids)
        source = (
            f"{point.recall:.1%} of {len(ids)} copies of images held out of training are found at "
            f"{PRECISION:.0%} precision among {len(ids) - 1} others"
        )
        header = file.Header(
            self.settings.variant, round(min(max(point.threshold, 0.0), 1.0), 4), source, self.data, accuracy
        )
        weights = {name: one.contiguous().cpu() for name, one in self.network.state_dict().items()}
        storage.write_bytes(self.out / FILE, save(weights, metadata=header.metadata()))
        return Outcome(self.out / FILE, self.step, self.steps, header)


def contrastive(found: Tensor, ids: Tensor) -> Tensor:
    """The mean of both cross-entropies, in nats: of each image over all copies, and of each copy over all images.

    found: [2 B, D], rows of unit length, images first. ids: [B]; images with equal ones are no negatives of each
    other.
    """
    images, copies = found.float().chunk(2)
    same = (ids[:, None] == ids[None, :]).fill_diagonal_(False).to(found.device)
    similarities = (images @ copies.T / TEMPERATURE).masked_fill(same, -math.inf)
    own = torch.arange(len(images), device=found.device)
    there = functional.cross_entropy(similarities, own)
    return (there + functional.cross_entropy(similarities.T, own)) / 2


def judged(images: Any, copies: Any, ids: Any) -> tuple[float, Point]:
    """Share of images that, seen as a whole, are nearest to their own copy; and the threshold at PRECISION.

    images: float32 [n, views, D], copies: [n, D], rows of unit length. ids: [n]; equal ones are the same image.
    """
    similarities = images @ copies.T  # [n, views, n]
    same = ids[:, None] == ids[None, :]
    numbers = np.arange(len(ids))
    own, others = similarities[numbers, :, numbers], np.where(same[:, None], -1, similarities).max(axis=2)
    return float((own[:, 0] > others[:, 0]).mean()), at_precision(own.max(axis=1), others.max(axis=1))


def _tensor(pixels: Any) -> Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)
