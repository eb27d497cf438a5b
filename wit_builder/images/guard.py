"""What decoders throw at broken files, turned into the one error that callers know."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from wit_builder.errors import ImageError

# Pillow's plugins raise nearly anything. What is not here is a fault of ours and stops the stage:
# NameError, ImportError and the like.
DECODER_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    EOFError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
)


@contextmanager
def guarded() -> Iterator[None]:
    """Around a decoder's work: raises ImageError (decode_error, too_many_pixels) for what it throws."""
    try:
        yield
    except Image.DecompressionBombError as fault:
        raise ImageError("too_many_pixels", str(fault)) from fault
    except DECODER_FAULTS as fault:
        raise ImageError("decode_error", f"{type(fault).__name__}: {fault}") from fault
