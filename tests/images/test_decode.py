from dataclasses import replace

import pytest

from tests.images.pictures import encoded, photograph, reason
from wit_builder.images.decode import decode, read

KINDS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_decoder_that_sees_another_size_than_we_did_is_not_believed(kind: str) -> None:
    still = read(encoded(photograph(), kind), 10_000)
    assert reason(decode, still, (1, 1)) == "none"
    assert reason(decode, replace(still, width=95), (1, 1)) == "decode_error"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_is_stored_reads_the_same_again(kind: str) -> None:
    still = read(encoded(photograph(), kind), 10_000)
    assert read(still.stored or b"", 10_000) == still
