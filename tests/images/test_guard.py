import struct
import zlib

import pytest
from PIL import Image

from tests.images.pictures import reason
from wit_builder.images.guard import guarded


def inside(fault: BaseException) -> None:
    with guarded():
        raise fault


@pytest.mark.parametrize(
    "fault", [OSError(), SyntaxError(), struct.error(), zlib.error(), MemoryError(), KeyError(1)]
)
def test_a_decoders_fault_is_a_decode_error(fault: Exception) -> None:
    assert reason(inside, fault) == "decode_error"


def test_pillows_own_limit_is_told_as_ours() -> None:
    assert reason(inside, Image.DecompressionBombError("too big")) == "too_many_pixels"


@pytest.mark.parametrize("fault", [NameError, ImportError, KeyboardInterrupt])
def test_a_fault_of_ours_is_not_hidden(fault: type[BaseException]) -> None:
    with pytest.raises(fault):
        inside(fault())
