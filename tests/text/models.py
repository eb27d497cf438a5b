"""A fastText classifier of a few words, written as fastText's own saveModel does (version 12, no quantisation)."""

import struct
from pathlib import Path
from random import Random


def fasttext_model(path: Path, labels: dict[str, str]) -> Path:
    """A model that knows each of the words by one label."""
    words, names = list(labels), list(dict.fromkeys(labels.values()))
    settings = (len(names), 5, 1, 1, 5, 1, 3, 3, 0, 0, 0, 100)  # dim ... loss softmax, supervised, no n-grams
    file = struct.pack("<14i d", 793_712_314, 12, *settings, 0.0)
    file += struct.pack("<3i 2q", len(words) + len(names), len(words), len(names), 100, -1)
    for text, kind in [*((word, 0) for word in words), *((f"__label__{name}", 1) for name in names)]:
        file += text.encode() + b"\0" + struct.pack("<qb", 10, kind)
    file += _matrix([[8.0 * (labels[word] == name) for name in names] for word in words])
    file += _matrix([[float(a == b) for b in names] for a in names])
    path.write_bytes(file)
    return path


def random_model(
    path: Path, rng: Random, loss: int, letters: tuple[int, int], words: int, version: int = 12
) -> Path:
    """A model with words, n-grams of so many letters and of up to so many words, all of random weights.

    loss: 1 to 4, as fastText numbers them.
    """
    dim, buckets, names = 5, 50, [f"l{chr(97 + n)}" for n in range(7)]
    known = ["</s>", *["a", "b", "an", "the", "dog", "été", "猫", "собака"]]
    file = struct.pack(
        "<14i d", 793_712_314, version, dim, 5, 1, 1, 5, words, loss, 3, buckets, *letters, 100, 0.0
    )
    file += struct.pack("<3i 2q", len(known) + len(names), len(known), len(names), 100, -1)
    counts = sorted((rng.randint(1, 1000) for _ in names), reverse=True)
    for text in known:
        file += text.encode() + b"\0" + struct.pack("<qb", 10, 0)
    for name, count in zip(names, counts, strict=True):
        file += f"__label__{name}".encode() + b"\0" + struct.pack("<qb", count, 1)
    for rows in (len(known) + buckets, len(names)):
        file += _matrix([[rng.uniform(-2, 2) for _ in range(dim)] for _ in range(rows)])
    path.write_bytes(file)
    return path


def _matrix(rows: list[list[float]]) -> bytes:
    flat = [value for row in rows for value in row]
    return b"\0" + struct.pack(f"<2q {len(flat)}f", len(rows), len(rows[0]), *flat)
