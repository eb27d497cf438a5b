"""What a process for images runs: it imports nothing else, and nobody else imports a decoder."""

import pickle
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from typing import Any

from wit_builder.fetch import tray
from wit_builder.images.listed import process_listed
from wit_builder.images.picture import ImageSpec, Picture

_FIELDS = tuple(f.name for f in fields(Picture))[1:]  # all but the image itself


def on_tray(made_of: Callable[[bytes, ImageSpec, str], Picture]) -> Callable[..., tuple[Any, ...]]:
    """What a child runs: it answers with all but the image, which lies where the body lay, and its length."""

    def serve(file: int, place: int, length: int, spec: bytes, extra: str, _tell: Any) -> tuple[Any, ...]:
        picture = made_of(tray.take(file, length, place), _unpacked(spec), extra)
        tray.put(file, picture.image, place)
        return len(picture.image), *(getattr(picture, name) for name in _FIELDS)

    return serve


@lru_cache(maxsize=1)
def _unpacked(spec: bytes) -> ImageSpec:
    """The same for every picture, so that it is packed and unpacked once."""
    unpacked: ImageSpec = pickle.loads(spec)
    return unpacked


serve_image = on_tray(process_listed)
