import subprocess
import sys

import numba
import numpy as np
import pytest

from wit_builder.engine.compiled import compiled, ones


@compiled
def counted(words):
    total = 0
    for word in words:
        total += ones(word)
    return total


def test_set_bits_are_counted():
    assert counted(np.array([0, 1, 2**64 - 1], np.uint64)) == 65


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(monkeypatch):
    njit = numba.njit

    def nowhere(function, cache=False):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(function)

    monkeypatch.setattr(numba, "njit", nowhere)
    assert compiled(lambda number: number + 1)(1) == 2


def test_another_error_of_the_function_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        compiled(lambda number: 1 // number)(0)


def test_a_process_that_begins_with_it_imports_no_linear_algebra_and_still_can():
    program = """
import sys
from wit_builder.engine.compiled import compiled
assert compiled(lambda number: number + 1)(1) == 2
assert "scipy.linalg" not in sys.modules
import scipy.linalg.cython_blas
"""
    subprocess.run([sys.executable, "-c", program], check=True)
