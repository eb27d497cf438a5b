"""One sample of a shard as it lies there: the image, and what is written of it.

A sample is its bytes and its parts, by their extensions; where a part begins is counted from the sample's first byte.
"""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from wit_builder.errors import Dropped
from wit_builder.shards.index import IMAGES, Member

MAX_ALT_TEXTS = 64  # of a sample that are looked at


def image(sample: bytes, parts: Mapping[str, Member]) -> bytes:
    """The image as it lies in the tar. Raises Dropped (no_image)."""
    extension = next((name for name in IMAGES if name in parts), None)
    if extension is None:
        raise Dropped("no_image")
    return _data(sample, parts[extension])


def fields(sample: bytes, parts: Mapping[str, Member]) -> dict[str, Any]:
    """What the JSON member says; nothing where it is no object. A NaN is null, half a surrogate pair is "?"."""
    said = _data(sample, parts.get("json")) or b"{}"
    try:
        found = orjson.loads(said)
    except orjson.JSONDecodeError:
        found = _loosely(said)
    return found if isinstance(found, dict) else {}


def captions(sample: bytes, parts: Mapping[str, Member], fields: Mapping[str, Any]) -> list[str]:
    """The sample's captions, each once: its text, or its JSON's `caption`, then its JSON's `alt_texts`.

    A text that is not UTF-8 is none.
    """
    alts = fields.get("alt_texts")
    others = alts[:MAX_ALT_TEXTS] if isinstance(alts, list) else []
    given = [_text(_data(sample, parts.get("txt"))).strip() or fields.get("caption")]
    given += [other.get("text") if isinstance(other, dict) else other for other in others]
    return list(dict.fromkeys(one.strip() for one in given if isinstance(one, str) and one.strip()))


def _loosely(said: bytes) -> Any:
    """What Python's reader makes of it: img2dataset writes NaN where a list has no number."""
    try:
        found = json.loads(said, parse_constant=lambda name: None)
        return orjson.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return ""


def _data(sample: bytes, member: Member | None) -> bytes:
    return sample[member.offset : member.offset + member.length] if member else b""
