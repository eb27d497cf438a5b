"""A fastText classifier as machine code: the label that its own `predict` names, in a third of the time.

After fastText 0.9.2 (dictionary.cc, loss.cc, model.cc). A text is the mean of the rows of its words, of their n-grams
of letters and of its n-grams of words; what each label gets of that is a tree of yes and no, or a softmax.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wit_builder.engine.compiled import compiled
from wit_builder.text.fasttext_file import HIERARCHICAL, SOFTMAX, Classifier

_NEWLINE, _BEFORE, _AFTER = ord("\n"), ord("<"), ord(">")
_PREFIX = np.frombuffer(b"__label__", np.uint8)
_END = b"</s>"
_BASIS, _PRIME, _32 = np.uint64(2166136261), np.uint64(16777619), np.uint64(0xFFFFFFFF)
_OF_WORDS = np.uint64(116049371)  # what hashes of words are multiplied by
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_LEAST = 1e-5  # added to each probability

_BLANK = np.zeros(256, np.bool_)
_BLANK[[0, 9, 10, 11, 12, 13, 32]] = True


class Model(NamedTuple):
    """What the compiled functions read."""

    rows: NDArray[np.float32]
    outputs: NDArray[np.float32]
    words: NDArray[np.uint8]  # all, one after the other
    ends: NDArray[np.int64]  # 0, then where each ends
    places: NDArray[np.int32]  # open addressing by a word's hash: its number, or -1
    ngrams: NDArray[np.int64]  # the same for n-grams that were kept, by number; empty where all were
    ngram_rows: NDArray[np.int32]
    left: NDArray[np.int32]  # the tree: labels first, the root last; -1 below labels
    right: NDArray[np.int32]
    end_row: int  # of the word that ends each text, -1 where there is none
    end_hash: int
    loss: int
    buckets: int
    shortest: int
    longest: int
    word_ngrams: int


def loaded(file: Classifier) -> Model:
    """The model, ready to tell."""
    head = file.head
    words = np.frombuffer(b"".join(file.words), np.uint8)
    ends = np.cumsum([0, *map(len, file.words)])
    places = np.full(_room(len(file.words)), -1, np.int32)
    _placed(words, ends, places)
    kept = np.empty((0, 2), np.int32) if file.ngrams is None else file.ngrams
    ngrams = np.full(0 if file.ngrams is None else _room(len(kept)), -1, np.int64)
    ngram_rows = np.zeros(len(ngrams), np.int32)
    _place_ngrams(kept.astype(np.int64), ngrams, ngram_rows)
    left, right = _tree(file.counts) if head.loss == HIERARCHICAL else (np.zeros(0, np.int32),) * 2
    end_row = file.words.index(_END) if _END in file.words else -1
    end = np.frombuffer(_END, np.uint8)
    return Model(
        *(file.rows, file.outputs, words, ends, places, ngrams, ngram_rows, left, right, end_row),
        *(int(_hash(end, 0, len(end))), head.loss, head.buckets, head.shortest_ngram, head.longest_ngram),
        head.word_ngrams,
    )


def told(model: Model, lines: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Of each line, which holds no newline, the likeliest label's number and its probability up to 1.00001.

    -1 where the model knows nothing of the line, or the line has no words. Lone surrogates are question marks.
    """
    text = np.frombuffer("".join([line + "\n" for line in lines]).encode("utf-8", "replace"), np.uint8)
    labels, scores = np.full(len(lines), -1, np.int32), np.zeros(len(lines), np.float32)
    _tell(model, text, labels, scores)
    return labels, scores


def _room(count: int) -> int:
    """Places for so many, a power of two, at most half of them taken."""
    return 1 << (2 * count).bit_length()


@compiled
def _placed(words: NDArray[np.uint8], ends: NDArray[np.int64], places: NDArray[np.int32]) -> None:
    for number in range(len(ends) - 1):
        place = np.int64(_hash(words, ends[number], ends[number + 1])) & (len(places) - 1)
        while places[place] >= 0:
            place = (place + 1) & (len(places) - 1)
        places[place] = number


@compiled
def _place_ngrams(kept: NDArray[np.int64], ngrams: NDArray[np.int64], rows: NDArray[np.int32]) -> None:
    for number, row in kept:
        place = _place(number, len(ngrams))
        while ngrams[place] >= 0:
            place = (place + 1) & (len(ngrams) - 1)
        ngrams[place], rows[place] = number, row


def _tree(counts: Sequence[int]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Huffman's tree over the labels, whose counts fall: what is left and right of each node, the root last."""
    weight, sides = [*counts], [(-1, -1)] * len(counts)
    leaf, node = len(counts) - 1, len(counts)
    while len(weight) < 2 * len(counts) - 1:
        least = []
        for _ in range(2):
            if node == len(weight) or (leaf >= 0 and weight[leaf] < weight[node]):
                least.append(leaf)
                leaf -= 1
            else:
                least.append(node)
                node += 1
        sides.append((least[0], least[1]))
        weight.append(weight[least[0]] + weight[least[1]])
    left, right = np.array(sides, np.int32).T.copy()
    return left, right


@compiled
def _tell(
    model: Model, text: NDArray[np.uint8], labels: NDArray[np.int32], scores: NDArray[np.float32]
) -> None:
    mean = np.empty(model.rows.shape[1], np.float32)
    most = _longest_line(text) + 2  # bytes; letters and words are no more, and a word has two signs besides
    longest, word_ngrams = min(model.longest, 3 * most), min(model.word_ngrams, most)
    word, hashes = np.empty(most, np.uint8), np.empty(most, np.int64)
    rows = np.empty(most * (3 * longest + max(word_ngrams, 0) + 2), np.int64)
    at: Any = np.int64(0)  # a plain 0 is a type of its own, and _read would be compiled twice
    for line in range(len(labels)):
        at, count = _read(model, longest, word_ngrams, text, at, rows, word, hashes)
        if count:
            _average(model.rows, rows[:count], mean)
            labels[line], scores[line] = _best(model, mean)


@compiled
def _longest_line(text: NDArray[np.uint8]) -> int:
    most = start = 0
    for at in range(len(text)):
        if text[at] == _NEWLINE:
            most, start = max(most, at - start), at + 1
    return most


@compiled
def _read(
    model: Model,
    longest: int,
    word_ngrams: int,
    text: NDArray[np.uint8],
    at: int,
    rows: NDArray[np.int64],
    word: NDArray[np.uint8],
    hashes: NDArray[np.int64],
) -> tuple[int, int]:
    """Past a line; how many rows there are of it, which are filled in. None where it has no words."""
    kept = model.ngrams, model.ngram_rows, len(model.ends) - 1
    count = words = 0
    ended = False
    while True:
        while _BLANK[text[at]] and text[at] != _NEWLINE:
            at += 1
        if text[at] == _NEWLINE:
            break
        start = at
        hashed = _BASIS
        while not _BLANK[text[at]]:
            hashed = _hashed(hashed, text[at])
            at += 1
        if ended or _is_label(text[start:at]):
            continue
        number = _number(model.words, model.ends, model.places, text[start:at], hashed)
        if number >= 0:
            rows[count] = number
            count += 1
        ended = number == model.end_row and number >= 0
        if not ended and longest > 0:
            size = at - start + 2
            word[0], word[size - 1] = _BEFORE, _AFTER
            for i in range(1, size - 1):  # a slice would have numba compile its error messages, 3 s
                word[i] = text[start + i - 1]
            count = _letters(word[:size], model.shortest, longest, model.buckets, kept, rows, count)
        hashes[words] = np.int32(np.uint32(hashed))
        words += 1
    if words and not ended:
        if model.end_row >= 0:
            rows[count] = model.end_row
            count += 1
        hashes[words] = np.int32(np.uint32(model.end_hash))
        words += 1
    if word_ngrams > 1:
        count = _words(hashes[:words], word_ngrams, model.buckets, kept, rows, count)
    return at + 1, count


@compiled
def _is_label(word: NDArray[np.uint8]) -> bool:
    """Whether fastText would take it for a label."""
    same = 0
    while same < min(len(word), len(_PREFIX)) and word[same] == _PREFIX[same]:
        same += 1
    return same == len(_PREFIX)


@compiled
def _number(
    words: NDArray[np.uint8],
    ends: NDArray[np.int64],
    places: NDArray[np.int32],
    word: NDArray[np.uint8],
    hashed: Any,
) -> Any:
    """Of this word, -1 where it is unknown."""
    place = np.int64(hashed) & (len(places) - 1)
    while places[place] >= 0:
        number = np.int64(places[place])
        first = ends[number]
        if ends[number + 1] - first == len(word):
            same = 0
            while same < len(word) and words[first + same] == word[same]:
                same += 1
            if same == len(word):
                return number
        place = (place + 1) & (len(places) - 1)
    return -1


@compiled
def _letters(
    word: NDArray[np.uint8],
    shortest: int,
    longest: int,
    buckets: int,
    kept: tuple[NDArray[np.int64], NDArray[np.int32], int],
    rows: NDArray[np.int64],
    count: int,
) -> int:
    """Add the rows of a word's n-grams of letters, with what stands before and after it; how many there are now."""
    for i in range(len(word)):
        if word[i] & 0xC0 == 0x80:
            continue
        hashed, j = _BASIS, i
        for letters in range(1, longest + 1):
            if j == len(word):
                break
            hashed = _hashed(hashed, word[j])
            j += 1
            while j < len(word) and word[j] & 0xC0 == 0x80:
                hashed = _hashed(hashed, word[j])
                j += 1
            if letters >= shortest and not (letters == 1 and (i == 0 or j == len(word))):
                row = _row(np.int64(hashed % np.uint64(buckets)), kept)
                if row >= 0:
                    rows[count] = row
                    count += 1
    return count


@compiled
def _words(
    hashes: NDArray[np.int64],
    longest: int,
    buckets: int,
    kept: tuple[NDArray[np.int64], NDArray[np.int32], int],
    rows: NDArray[np.int64],
    count: int,
) -> int:
    """Add the rows of n-grams of words; how many there are now."""
    for i in range(len(hashes)):
        hashed = np.uint64(hashes[i])
        for j in range(i + 1, min(len(hashes), i + longest)):
            hashed = hashed * _OF_WORDS + np.uint64(hashes[j])
            row = _row(np.int64(hashed % np.uint64(buckets)), kept)
            if row >= 0:
                rows[count] = row
                count += 1
    return count


@compiled
def _row(number: Any, kept: tuple[NDArray[np.int64], NDArray[np.int32], int]) -> Any:
    """The row of this n-gram, -1 where it was not kept."""
    ngrams, ngram_rows, behind = kept
    if len(ngrams) == 0:
        return behind + number
    place = _place(number, len(ngrams))
    while ngrams[place] != number:
        if ngrams[place] < 0:
            return -1
        place = (place + 1) & (len(ngrams) - 1)
    return behind + np.int64(ngram_rows[place])


@compiled
def _average(rows: NDArray[np.float32], chosen: NDArray[np.int64], mean: NDArray[np.float32]) -> None:
    mean.fill(0)
    for row in chosen:
        for i in range(len(mean)):
            mean[i] += rows[row, i]
    share = np.float32(1.0 / len(chosen))
    for i in range(len(mean)):
        mean[i] *= share


@compiled
def _best(model: Model, mean: NDArray[np.float32]) -> tuple[int, float]:
    """The likeliest label and its probability."""
    if model.loss == HIERARCHICAL:
        return _down(model, mean)
    best, highest, total = 0, -np.inf, 0.0
    sums = np.empty(len(model.outputs))
    for label in range(len(sums)):
        sums[label] = _product(model.outputs[label], mean)
        if model.loss != SOFTMAX:
            sums[label] = _sigmoid(sums[label])
        if sums[label] >= highest:
            best, highest = label, sums[label]
    if model.loss != SOFTMAX:
        return best, highest + _LEAST
    for label in range(len(sums)):
        total += math.exp(sums[label] - highest)
    return best, 1 / total + _LEAST


@compiled
def _down(model: Model, mean: NDArray[np.float32]) -> tuple[int, float]:
    """The likeliest leaf of the tree: the likelier side first, and no side that cannot be likelier than a leaf."""
    nodes, chances = np.empty(len(model.left) + 1, np.int64), np.empty(len(model.left) + 1)
    nodes[0], chances[0], waiting = len(model.left) - 1, 1.0, 1
    best, highest = -1, 0.0
    while waiting:
        waiting -= 1
        node, chance = nodes[waiting], chances[waiting]
        if chance < highest or chance < _LEAST:
            continue
        if model.left[node] < 0:
            best, highest = node, chance
            continue
        right = 1 / (1 + math.exp(-_product(model.outputs[node - len(model.outputs)], mean)))
        likelier = right > 0.5
        for side in (not likelier, likelier):
            nodes[waiting] = model.right[node] if side else model.left[node]
            chances[waiting] = chance * ((right if side else 1 - right) + _LEAST)
            waiting += 1
    return best, highest


@compiled
def _sigmoid(value: float) -> float:
    """In steps of 1/32, as fastText has a table of it from -8 to 8."""
    if abs(value) > 8:
        return 0.0 if value < 0 else 1.0
    return 1 / (1 + math.exp(8 - math.floor((value + 8) * 32) / 32))


@compiled
def _product(one: NDArray[np.float32], other: NDArray[np.float32]) -> Any:
    total = np.float32(0)
    for i in range(len(other)):
        total += one[i] * other[i]
    return total


@compiled
def _place(number: Any, room: int) -> Any:
    return np.int64(np.uint64(number) * _SPREAD >> np.uint64(32)) & (room - 1)


@compiled
def _hash(data: NDArray[np.uint8], start: int, end: int) -> Any:
    hashed = _BASIS
    for i in range(start, end):
        hashed = _hashed(hashed, data[i])
    return hashed


@compiled
def _hashed(hashed: Any, byte: Any) -> Any:
    """FNV-1a, of bytes with a sign."""
    return (hashed ^ (np.uint64(np.int64(np.int8(byte))) & _32)) * _PRIME & _32
