"""A few samples from all over the shards, small enough to stand in a page.

Samples lie in a shard in the order of their ids, which are hashes, so its first `WINDOW` are a fair draw of
it; drawing only among them bounds what is read.
"""

import base64
import random
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from wit_builder.errors import ImageError, ShardError
from wit_builder.images.process import ImageSpec, process
from wit_builder.report.folder import Folder, plain
from wit_builder.shards.reader import Pair, read_shard

WINDOW = 200  # samples of a shard that are drawn from
THUMBNAIL = ImageSpec(size=200, mode="keep_ratio_largest", quality=80, max_pixels=50_000_000)


@dataclass(frozen=True, slots=True)
class Tile:
    """One sample of the sheet. All texts are safe to show; lengths are in pixels, 0 where not known."""

    shard: str
    key: str
    image: str  # data: URI, "" where the picture could not be read
    caption: str
    link: str  # the image's address where it is http(s), else ""
    page_link: str  # likewise, of its page
    width: int  # as stored
    height: int
    original_width: int
    original_height: int
    lang: str
    text_source: str


def contact_sheet(folder: Folder, n: int = 60) -> list[Tile]:
    """At most n samples, drawn from shards evenly spread over the build; the same ones every time."""
    shards = list(folder.files("shards/*.tar"))
    count = min(n, len(shards))
    tiles: list[Tile] = []
    for i in range(count):
        wanted = (i + 1) * n // count - i * n // count
        tiles += _draw(folder, shards[i * len(shards) // count], wanted)
    return tiles


def _draw(folder: Folder, name: str, wanted: int) -> list[Tile]:
    """`wanted` of the shard's first samples, each as likely as any other (reservoir sampling), by key."""
    path = Path(name)
    chance = random.Random(path.name)
    tiles: list[Tile] = []
    try:
        with folder.there.open(name) as file:
            for i, pair in enumerate(islice(read_shard(path, file), WINDOW)):
                slot = i if i < wanted else chance.randrange(i + 1)
                if slot < wanted:  # shrunk at once: what waits here is small, whatever the shard holds
                    tiles[slot : slot + 1] = [_tile(path.stem, pair)]
    except (OSError, ShardError) as error:
        folder.note(str(error))
    unreadable = [tile.key for tile in tiles if not tile.image]
    if unreadable:
        folder.note(f"{name}: the picture of {unreadable[0]} cannot be read")
    return sorted(tiles, key=lambda tile: tile.key)


def _tile(shard: str, pair: Pair) -> Tile:
    key, image, caption, meta = pair
    return Tile(
        shard=plain(shard, 40),
        key=key,
        image=data_uri(image),
        caption=plain(caption),
        link=link_to(meta.get("url")),
        page_link=link_to(meta.get("page_url")),
        width=_number(meta, "width"),
        height=_number(meta, "height"),
        original_width=_number(meta, "original_width"),
        original_height=_number(meta, "original_height"),
        lang=_text(meta, "lang"),
        text_source=_text(meta, "text_source"),
    )


def data_uri(image: bytes) -> str:
    """The picture, small, as an address that holds it; "" where it cannot be read."""
    try:
        small = process(image, THUMBNAIL).image
    except ImageError:
        return ""
    return f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"


def link_to(url: object) -> str:
    """The address where it may be linked to: http(s) only, for a link of another scheme may run code."""
    if isinstance(url, str) and url.lower().startswith(("http://", "https://")) and len(url) <= 4_096:
        return plain(url, 4_096)
    return ""


def _text(meta: Mapping[str, Any], name: str) -> str:
    value = meta.get(name)
    return plain(value, 40) if isinstance(value, str) else ""


def _number(meta: Mapping[str, Any], name: str) -> int:
    value = meta.get(name)
    return value if type(value) is int and 0 <= value < 1 << 31 else 0
