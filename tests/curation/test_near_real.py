"""What is found among real pictures and their copies."""

import numpy as np
import pyarrow as pa

from tests.shared_data import shared_data
from wit_builder.curation import groups, near
from wit_builder.engine import columns
from wit_builder.images.process import ImageSpec, process


def grouped(folder, radius=31):
    """The names of the pictures that are one, for each group of several."""
    paths = sorted(shared_data(folder).glob("*.jpg"))
    hashes = [process(path.read_bytes(), ImageSpec()).phash for path in paths]
    words = columns.digits(pa.chunked_array([hashes]), near.HEX)
    nobody = np.zeros((4, 0), np.uint64)
    found = [near.links(words, nobody, radius, [k], near.BLOCKS) for k in range(near.BLOCKS)]
    heads = groups.heads(np.arange(len(paths)), 0, found)
    names = [
        {path.stem for path, of in zip(paths, heads, strict=True) if of == head}
        for head in set(heads.tolist())
    ]
    return sorted(sorted(group) for group in names if len(group) > 1)


def test_resized_and_grey_copies_are_found_mirrored_and_turned_ones_are_not():
    assert grouped("dedup/ukbench") == [["ukbench00120", "ukbench00120_gray", "ukbench00120_resize"]]


def test_blurred_shrunk_and_squared_copies_of_pdqs_reference_picture_are_found():
    """The other two of its nine pictures, `small` (quality 0) and `wee`, show something else, and stay alone."""
    copies = [
        "blur-a-lot",
        "shrink-a-little",
        "shrink-a-lot",
        "square-128x128",
        "square-256x256",
        "square-512x512",
    ]
    assert grouped("dedup/pdq") == [["aaa-orig", *copies]]
