"""A tray: a file without a name, through which a process and its child pass bodies and images.

Through the pipe alone a body of 200 KB takes four turns of writing and reading; with the thread that waited for them
that cost 1 ms of CPU, and the tray 0.07. What a child runs is here too, so that it imports nothing else.
"""

import os
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from typing import Any

from wit_builder.images.listed import process_listed
from wit_builder.images.picture import ImageSpec, Picture

_FIELDS = tuple(f.name for f in fields(Picture))[1:]  # all but the image itself


def new() -> int:
    """A descriptor of an empty one."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("tray")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def put(tray: int, data: bytes | bytearray) -> None:
    """Lay these bytes on it, over what lies there."""
    at = 0
    while at < len(data):  # a write may take less than it is given
        at += os.pwrite(tray, memoryview(data)[at:], at)


def take(tray: int, length: int) -> bytes:
    """The first so many bytes."""
    return os.pread(tray, length, 0)


def on_tray(made_of: Callable[[bytes, ImageSpec, str], Picture]) -> Callable[..., tuple[Any, ...]]:
    """What a child runs: answers with the length of the image, which lies on the tray then, and the other fields."""

    def serve(tray: int, length: int, spec: bytes, extra: str, _tell: Any) -> tuple[Any, ...]:
        picture = made_of(take(tray, length), _unpacked(spec), extra)
        put(tray, picture.image)
        return len(picture.image), *(getattr(picture, name) for name in _FIELDS)

    return serve


@lru_cache(maxsize=1)
def _unpacked(spec: bytes) -> ImageSpec:
    """The same for every picture, so that it is packed and unpacked once."""
    unpacked: ImageSpec = pickle.loads(spec)
    return unpacked


serve_image = on_tray(process_listed)
