"""Images that were found, read again for people to look at: of evaluation sets by their keys, of shards by theirs."""

import mmap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from wit_builder.evalset.sets import EvalSet, Place
from wit_builder.shards.index import IMAGES, walk
from wit_builder.shardset.cache import Cache
from wit_builder.shardset.shard import Shard


@dataclass(slots=True)
class Pictures:
    """Those of these sets and shards; the places of a shard's images are looked up once."""

    sets: Sequence[EvalSet]
    shards: Sequence[Shard]
    _places: dict[str, dict[str, Place]] = field(default_factory=dict)

    def of_set(self, name: str, key: str) -> bytes:
        """The image of an evaluation set; nothing where it is not there any more."""
        return _read(self._of(f"set {name}", name).get(key))

    def of_shard(self, name: str, key: str) -> bytes:
        """The image of a sample; nothing where it is not there any more."""
        return _read(self._of(f"shard {name}", name).get(key))

    def _of(self, what: str, name: str) -> dict[str, Place]:
        if what not in self._places:
            found = self._in_set(name) if what.startswith("set ") else self._in_shard(name)
            self._places[what] = found
        return self._places[what]

    def _in_set(self, name: str) -> dict[str, Place]:
        own = next((one for one in self.sets if one.name == name), None)
        return dict(zip(own.keys, own.images, strict=True)) if own else {}

    def _in_shard(self, name: str) -> dict[str, Place]:
        shard = next((one for one in self.shards if one.name == name), None)
        if shard is None:
            return {}
        path = Cache().path(shard)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as tar:
            return {
                member.key: Place(path, member.offset, member.length)
                for member in walk(tar, 0, Counter())
                if member.extension in IMAGES
            }


def _read(place: Place | None) -> bytes:
    try:
        return place.read() if place else b""
    except OSError:
        return b""
