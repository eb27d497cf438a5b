"""Images in JSON-LD: schema.org's ImageObject wherever it stands, and what `image` fields name."""

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any, NamedTuple

import orjson

MAX_TEXT = 512 * 1024  # characters of one script that is read; longer ones are left alone
MAX_DEPTH = 16  # of objects and lists in one another
MAX_VALUES = 20_000  # objects, lists and texts looked at in one script
MAX_IMAGES = 1_000  # of one script


class LinkedImage(NamedTuple):
    """An image that JSON-LD speaks of."""

    url: str  # as written
    texts: tuple[tuple[str, str], ...]  # (source, text): "json-ld", and "json-ld:about" its owner's name
    licence: str  # URL as written, "" where none is given


class LinkedData(NamedTuple):
    """What one script says."""

    images: list[LinkedImage]  # in their order
    licence: str  # of the page or the work it shows: the first one outside an ImageObject, "" where none
    cut: bool  # some of it lies beyond a limit and was not looked at


def read(script: str) -> LinkedData:
    """The images of a JSON-LD script. Broken JSON, and what is too deep or too much, gives fewer."""
    walk = _Walk()
    walk.visit(_parsed(script), 0)
    return LinkedData(walk.images, walk.licence, walk.cut or len(script) > MAX_TEXT)


def _parsed(script: str) -> Any:
    if len(script) > MAX_TEXT:
        return None
    try:
        return orjson.loads(script)
    except ValueError:  # of JSON as people write it, Python's parser takes raw newlines in texts
        pass
    start = _START.search(script)  # past the comment and CDATA marks that some write around it
    try:
        return json.JSONDecoder(strict=False).raw_decode(script, start.start())[0] if start else None
    except (ValueError, RecursionError):
        return None


class _Walk:
    """Goes through parsed JSON in its order, within `MAX_DEPTH`, `MAX_VALUES` and `MAX_IMAGES`."""

    def __init__(self) -> None:
        self.images: list[LinkedImage] = []
        self.licence = ""
        self.cut = False
        self._left = MAX_VALUES

    def visit(self, value: Any, depth: int, *, as_image: bool = False, owner: str = "") -> None:
        """as_image: whether it stands in an `image` field. owner: name of the thing whose field that is."""
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0 or len(self.images) >= MAX_IMAGES:
            self.cut = True
            return
        if isinstance(value, list):
            for item in value:
                self.visit(item, depth + 1, as_image=as_image, owner=owner)
        elif isinstance(value, dict):
            self._object(value, depth, as_image, owner)
        elif as_image and isinstance(value, str) and value.strip():
            self._add(value, [("json-ld:about", owner)], "")

    def _object(self, value: Mapping[str, Any], depth: int, as_image: bool, owner: str) -> None:
        licence, is_image = _address(value.get("license")), _is_image(value)
        if as_image or is_image:
            url = _address(value.get("contentUrl")) or _address(value.get("url"))
            texts = [("json-ld", _text(value.get(key))) for key in ("caption", "description", "name")]
            if url:
                self._add(url, [*texts, ("json-ld:about", owner)], licence)
        else:
            self.licence = self.licence or licence
        name = "" if is_image else _text(value.get("name"))
        for key, child in value.items():
            if isinstance(child, dict | list) or key in _IMAGE_FIELDS:
                self.visit(child, depth + 1, as_image=key in _IMAGE_FIELDS, owner=name)

    def _add(self, url: str, texts: list[tuple[str, str]], licence: str) -> None:
        said = tuple((source, _unescaped(text)) for source, text in texts if text)
        self.images.append(LinkedImage(_unescaped(url), said, licence))


_START = re.compile(r"\{|(?<!CDATA)\[(?!CDATA\[)")
_ENTITY = re.compile("&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z0-9]{1,32});")
_IMAGE_FIELDS = frozenset(("image", "photo", "primaryImageOfPage"))


def _unescaped(text: str) -> str:
    """Without the entities that some write in JSON too; as a script has none, `?w=1&region=eu` stays as it is."""
    return _ENTITY.sub(lambda found: unescape(found[0]), text) if "&" in text else text


def _is_image(value: Mapping[str, Any]) -> bool:
    kinds = value.get("@type")
    return any(
        isinstance(kind, str) and kind.rpartition("/")[2] in ("ImageObject", "Photograph")
        for kind in (kinds if isinstance(kinds, list) else (kinds,))
    )


def _text(value: Any) -> str:
    """A text, however it is wrapped: {"@value": ...}, the first of a list, the name or text of a thing."""
    for _ in range(3):
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, dict):
            value = value.get("@value") or value.get("text") or value.get("name") or value.get("caption")
    return value if isinstance(value, str) else ""


def _address(value: Any) -> str:
    """A URL, however it is wrapped: {"@id": ...}, {"url": ...}, the first of a list."""
    for _ in range(3):
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, dict):
            value = value.get("@id") or value.get("url") or value.get("@value")
    return value if isinstance(value, str) else ""
