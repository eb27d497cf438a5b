"""Loops over arrays as machine code: numba compiles them when they are first called, and keeps the result.

numba is imported then, and not before: it takes a process 0.2 s of CPU to begin and 0.1 s to end, and most that
import modules with such loops never call one.
"""

import sys
from collections.abc import Callable
from functools import cache, cached_property
from types import ModuleType
from typing import Any, TypeVar, cast

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])

_PRODUCTS = "scipy.linalg.cython_blas"


def compiled(function: FunctionT) -> FunctionT:
    """The function, compiled for the types that it is called with.

    It may call others of its module, and use `intrinsic` ones. What is compiled is kept beside the source, else in
    the user's cache, or where NUMBA_CACHE_DIR says; where no place can be written, each process compiles anew
    (seconds).
    """
    return cast(FunctionT, _Later(function, _njit))


def intrinsic(function: Callable[..., object]) -> Any:
    """What compiled functions alone may call: instructions for LLVM (numba.extending.intrinsic)."""
    return _Later(function, _intrinsic)


class _Later:
    """A function that becomes numba's at the first call."""

    def __init__(self, function: Callable[..., object], make: Callable[[Any], Any]) -> None:
        self._function, self._make = function, make

    @cached_property
    def made(self) -> Any:
        return self._make(self._function)

    def __call__(self, *arguments: Any) -> Any:
        names = self._function.__globals__  # where numba looks for what it calls
        names.update({name: it.made for name, it in list(names.items()) if isinstance(it, _Later)})
        return self.made(*arguments)


def _njit(function: Callable[..., object]) -> Any:
    numba = _numba()
    try:
        return numba.njit(function, cache=True)
    except RuntimeError:  # "no locator available"
        return numba.njit(function)


@cache
def _numba() -> ModuleType:
    """numba without products of matrices, which no loop here has: for them it would import scipy.linalg
    in each process."""
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    met = modules.setdefault(_PRODUCTS, None)  # None: it cannot be imported
    try:
        import numba.np.arraymath
    finally:
        if met is None:
            del modules[_PRODUCTS]
    return numba


def _intrinsic(function: Callable[..., object]) -> Any:
    from numba import extending

    return extending.intrinsic(function)


def _ones(_typing: object, _word: object) -> object:
    from numba import uint64

    return uint64(uint64), lambda _context, builder, _signature, arguments: builder.ctpop(arguments[0])


ones = intrinsic(_ones)
"""How many bits of a 64-bit word are set; in compiled functions only. One instruction, or one for many words."""
