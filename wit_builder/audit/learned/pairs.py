"""Images and their copies, for training: which, and how they are changed, is a function of seed and step alone.

An image is turned one of eight ways first, both it and its copy, so that a small set of images has eight times as
many; then its copy goes through `transforms.drawn`, and half of the time so does it. torch is not imported here.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from random import Random

import numpy as np
import xxhash
from numpy.typing import NDArray
from PIL import Image

from wit_builder.audit.learned import views
from wit_builder.audit.learned.transforms import RESIZES, drawn, squeezed
from wit_builder.audit.learned.views import picture
from wit_builder.errors import BuildError, ConfigError, ImageError
from wit_builder.images.square import Pixels
from wit_builder.shards.index import parts_of
from wit_builder.shards.sample import fields, image
from wit_builder.shardset.cache import Bounds, Cache
from wit_builder.shardset.shard import Shard
from wit_builder.train.order import Order

HELD_OUT, MOST_HELD_OUT = 10, 1024  # one of so many images is held out of training, and at most so many
MOST_OPEN = 192  # shards
HELD = -1  # stands for a lap
BOTH = 0.5  # how often the image itself is changed too
_TURNS = (None, *Image.Transpose)

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """B images that could be read, and a copy of each."""

    images: Pixels  # [B, S, S, 3]; of those held out all views, [B, views, S, S, 3]
    copies: Pixels  # [B, S, S, 3]
    ids: Numbers  # [B]; equal ones are the same image


class Source:
    """The images of shards, the last of them held out.

    batch: images of a step. side: of the square that a network takes.
    Raises ConfigError when there are too few.
    """

    def __init__(self, shards: Sequence[Shard], cache: Cache, seed: int, batch: int, side: int) -> None:
        total = sum(shard.samples for shard in shards)
        last = shards[-1].samples
        self.held_out = min(total // HELD_OUT, MOST_HELD_OUT, last)
        self._shards, self._cache = shards, cache
        self._seed, self._batch, self._side = seed, batch, side
        self.samples = total - self.held_out  # of an epoch
        self.steps = self.samples // batch  # of an epoch
        if not self.steps or self.held_out < 2:
            raise ConfigError(
                f"batch is {batch}, and the shards have {total} samples, of which {self.held_out} are held out",
                f"--batch {max(2, self.samples)}, or more shards",
            )
        trained = (*shards[:-1], replace(shards[-1], samples=last - self.held_out))
        self._order = Order([shard.samples for shard in trained], [0] * len(shards), (1.0,), seed)
        self._open: dict[int, tuple[int, Bounds]] = {}
        self._pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="pairs")

    def step(self, number: int) -> Pairs:
        """What is learnt from in that step. Raises BuildError when none of its images can be read."""
        epoch, at = divmod(number, self.steps)
        places = self._order.places(epoch, at * self._batch, (at + 1) * self._batch)
        laps = places.laps.tolist()
        return self._pairs(places.shards.tolist(), places.members.tolist(), laps)

    def held(self, first: int, last: int) -> Pairs:
        """Of the images held out those from number `first` to `last` (exclusive), as images of an evaluation set are
        seen, and a copy of each.
        """
        start = self._shards[-1].samples - self.held_out
        members = list(range(start + first, start + last))
        return self._pairs([len(self._shards) - 1] * len(members), members, [HELD] * len(members))

    def close(self) -> None:
        """Let go of the shards."""
        while self._open:
            os.close(self._open.popitem()[1][0])
        self._pool.shutdown(cancel_futures=True)

    def _pairs(self, shards: list[int], members: list[int], laps: list[int]) -> Pairs:
        bodies = [self._body(shard, member) for shard, member in zip(shards, members, strict=True)]
        drawn_from = [
            f"{self._seed} {lap} {self._shards[shard].name} {member}"
            for shard, member, lap in zip(shards, members, laps, strict=True)
        ]
        pair = self._held_pair if laps[0] == HELD else self._pair
        made = self._pool.map(pair, [body for body, _ in bodies], map(Random, drawn_from))
        found = [(one, number) for one, (_, number) in zip(made, bodies, strict=True) if one is not None]
        if not found:
            raise BuildError(
                f"none of {len(bodies)} images of {self._shards[shards[0]].name} can be read",
                "`wit train --check` looks at each shard",
            )
        images, copies = (np.stack([one[at] for one, _ in found]) for at in (0, 1))
        return Pairs(images, copies, np.array([number for _, number in found], np.int64))

    def _pair(self, body: bytes, rng: Random) -> tuple[Pixels, Pixels] | None:
        try:
            one = picture(body, self._side)
        except ImageError:
            return None
        turn = rng.choice(_TURNS)
        one = one if turn is None else one.transpose(turn)
        copy = drawn(one, rng)
        one = drawn(one, rng) if rng.random() < BOTH else one
        return squeezed(one, self._side, rng.choice(RESIZES)), squeezed(copy, self._side, rng.choice(RESIZES))

    def _held_pair(self, body: bytes, rng: Random) -> tuple[Pixels, Pixels] | None:
        try:
            one = picture(body, self._side)
        except ImageError:
            return None
        return views.of(one, self._side, turned=True), views.of(drawn(one, rng), self._side, turned=False)[0]

    def _body(self, shard: int, member: int) -> tuple[bytes, int]:
        """The image as it lies in the tar, "" where there is none, and its id."""
        if shard not in self._open:
            if len(self._open) == MOST_OPEN:
                os.close(self._open.pop(next(iter(self._open)))[0])
            found = self._shards[shard]
            self._open[shard] = self._cache.open(found), self._cache.indexed(found).bounds
        tar, bounds = self._open[shard]
        if member >= len(bounds):
            return b"", 0
        begin, end = bounds[member].tolist()
        sample = os.pread(tar, end - begin, begin)
        parts = parts_of(sample)
        said = fields(sample, parts)
        body = image(sample, parts)
        known = said.get("phash") or said.get("sha256")
        return body, xxhash.xxh3_64_intdigest(known.encode() if isinstance(known, str) else body) >> 1
