"""Loops over arrays as machine code: numba compiles them when they are first called, and keeps the result.

Modules that import this one take 0.3 s of CPU to start, so the commands themselves do not.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.extending import intrinsic

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])


def compiled(function: FunctionT) -> FunctionT:
    """The function, compiled for the types that it is called with.

    What is compiled is kept beside the source, else in the user's cache, or where NUMBA_CACHE_DIR says; where no
    place can be written, each process compiles anew (seconds).
    """
    try:
        return numba.njit(function, cache=True)  # type: ignore[no-any-return]
    except RuntimeError:  # "no locator available"
        return numba.njit(function)  # type: ignore[no-any-return]


def _ones(_typing: object, _word: object) -> object:
    signature = numba.uint64(numba.uint64)
    return signature, lambda _context, builder, _signature, arguments: builder.ctpop(arguments[0])


ones: Any = intrinsic(_ones)
"""How many bits of a 64-bit word are set; in compiled functions only. One instruction, or one for many words."""
