"""What a child process may do instead of decoding: served by Pixels in its tests."""

import os
import time
from typing import Any

from wit_builder.errors import ImageError
from wit_builder.fetch.child import on_tray
from wit_builder.images.process import ImageSpec, Picture


def picture_of(body: bytes, spec: ImageSpec, extra: str) -> Picture:
    word = body.decode()
    if word == "crash":
        os._exit(3)
    if word == "hang":
        time.sleep(60)
    if word == "slow":
        time.sleep(0.3)
    if word == "swell":
        bytearray(2 << 30)
    if word == "raise":
        raise ZeroDivisionError("no image divides by 0")
    if word == "broken":
        raise ImageError("decode_error", "half of it")
    return Picture(body, "jpg", 1, 1, 1, 1, "a" * 64, "b" * 64, os.getpid() % 101)


serve = on_tray(picture_of)


def mad(tray: int, place: int, length: int, spec: ImageSpec, extra: str, _tell: Any) -> object:
    """Answers without a picture: what is on the tray is another's, or not there."""
    return {"negative": (-1,), "none": None, "longer": (1 << 46,)}[os.pread(tray, length, place).decode()]
