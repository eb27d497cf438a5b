"""Candidates and samples as the web has them, but made up: any number of rows, part by part, the same on each run.

Hosts follow the law of hosts.py. One row in ten is a pair that stands on a second page, one in ten a URL under a
second caption. Captions are one to fourteen words by Zipf's law out of 200,000, of which the list of queries has
most and 300,000 pairs. Of the pictures one in twelve has the bytes of another, by Zipf's law out of a fiftieth of
all, and one in ten is within 12 bits of another one's PDQ hash.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hosts import LAION
from numpy.typing import NDArray

from wit_builder.curation import tables
from wit_builder.engine import shuffle
from wit_builder.engine.task import Task
from wit_builder.records import CANDIDATE_SCHEMA, SAMPLE_SCHEMA, empty_lists

PART = 200_000  # rows of a file
VOCABULARY, PAIRS = 200_000, 300_000  # words, and pairs of them among the queries
COMMON = 100  # words that are no query: the, of, and

Numbers = NDArray[np.uint64]

_SYLLABLES = np.array([a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "il")])
_WIDEST = 14  # words of a caption
_TIME = 1_767_000_000_000_000  # microseconds


def words() -> NDArray[np.str_]:
    """The vocabulary, the commonest first: two to four syllables each."""
    rank, base = np.arange(VOCABULARY), len(_SYLLABLES)
    found = np.char.add(_SYLLABLES[rank % base], _SYLLABLES[rank // base % base])
    longer = rank // base**2
    return np.where(longer > 0, np.char.add(found, _SYLLABLES[longer % base]), found)


def queries() -> list[str]:
    """The list of queries: all words but the commonest, and pairs of neighbours in rank."""
    known = words()
    one, other = (draw(PAIRS, seed, 1, VOCABULARY) for seed in (1, 2))
    pairs = np.char.add(np.char.add(known[one], " "), known[other])
    return sorted({*known[COMMON:].tolist(), *pairs.tolist()})


def candidates(task: Task) -> None:
    """Makes one part. arg: its number; params: rows (of all parts). Hands on `candidates` (parquet)."""
    rows = task.params["rows"]
    row = np.arange(task.arg * PART, min(rows, (task.arg + 1) * PART), dtype=np.uint64)
    url, text = _identities(row, rows)
    table = pa.table(list(_columns(row, url, text)), schema=CANDIDATE_SCHEMA)
    tables.write_parquet(task.new_file("candidates", ".parquet"), table)


def samples(task: Task) -> None:
    """Makes samples of what was selected in one bin, as if every download had gone well.

    arg: bin; params: inputs ([shuffle path]), bins, stays ([.npy path]), rows (of all).
    Hands on `samples` (parquets).
    """
    inputs, bins = [Path(path) for path in task.params["inputs"]], task.params["bins"]
    stays, start = np.load(task.params["stays"][task.arg]), 0
    for number, batch in enumerate(shuffle.batches(inputs, task.arg, bins)):
        here = stays[start : start + len(batch)]
        start += len(batch)
        rows = pa.table(batch).filter(pa.array(here))
        tables.write_parquet(
            task.new_file("samples", f".{number}.parquet"), _fetched(rows, task.params["rows"])
        )


def _identities(row: Numbers, rows: int) -> tuple[Numbers, Numbers]:
    """Numbers that tell the URL and the text of each row from others."""
    repeats = row % 10 >= 8
    original = mixed(row, 3) % np.uint64(max(1, rows // 10))
    url = np.where(repeats, original * 10 + mixed(row, 4) % np.uint64(8), row)
    return url, np.where(row % 10 == 9, row + np.uint64(rows), url)


def _columns(row: Numbers, url: Numbers, text: Numbers) -> Iterator[pa.Array]:
    count = len(row)
    site = LAION.ranks(uniform(url, 5)).astype(str)
    paths = mixed(url, 6).astype(str)
    yield digits([mixed(url, 7) ^ mixed(text, 8), mixed(text, 9)])
    yield joined("https://img.site", site, ".com/wp-content/uploads/", paths, "-1024x768.jpg")
    yield _captions(text)
    yield pa.array(np.array(["alt", "alt", "figcaption", "title"])[mixed(row, 10) % 4])
    yield empty_lists("alt_texts", count)
    yield joined("https://www.site", site, ".com/articles/", mixed(row, 11).astype(str), "/index.html")
    yield from (joined("Title ", site), pa.repeat("en", count), pa.repeat("", count))
    yield joined(
        "crawl-data/CC-MAIN-2026-05/wat/file-", (row // 100_000).astype(str), ".warc.wat.gz@", row.astype(str)
    )
    yield pa.array(np.full(count, _TIME), CANDIDATE_SCHEMA.field("found_at").type)
    yield from (pa.repeat("", count), pa.repeat(0.0, count), pa.repeat("", count))
    yield from (empty_lists(name, count) for name in ("queries", "query_spans"))


def _captions(text: Numbers) -> pa.Array:
    length = 1 + mixed(text, 20) % np.uint64(_WIDEST)
    known = pa.array(words())
    drawn = [ranked(uniform(text, 21 + n), 1, VOCABULARY) for n in range(_WIDEST)]
    columns = [
        pc.if_else(pa.array(length > n), known.take(pa.array(rank)), None) for n, rank in enumerate(drawn)
    ]
    return pc.binary_join_element_wise(*columns, " ", null_handling="skip")


def _fetched(rows: pa.Table, total: int) -> pa.Table:
    """The candidates with what a download adds."""
    name = np.frombuffer(bytes.fromhex("".join(rows.column("id").to_pylist())), ">u8").astype(np.uint64)[::2]
    picture = np.where(mixed(name, 30) % 12 == 0, mixed(ranked(uniform(name, 31), 1, total // 50), 32), name)
    model = mixed(mixed(picture, 33) % np.uint64(max(1, total // 20)), 34)
    near = mixed(picture, 35) % 10 == 0
    words_ = [np.where(near, mixed(model, 40 + n), mixed(picture, 40 + n)) for n in range(4)]
    for flip in range(12):
        bit = np.uint64(1) << mixed(picture, 50 + flip) % np.uint64(64)
        words_[flip % 4] = np.where(near, words_[flip % 4] ^ bit, words_[flip % 4])
    sides = 200 + mixed(picture, 70) % np.uint64(2000)
    added = {
        "final_url": rows.column("url"), "http_status": 200, "content_type": "image/jpeg",
        "fetched_at": rows.column("found_at"), "original_bytes": 100_000, "original_width": sides,
        "original_height": sides // 4 * 3, "width": 341, "height": 256,
        "sha256": digits([mixed(picture, n) for n in (80, 81, 82, 83)]), "phash": digits(words_),
        "phash_quality": 100, "opt_out": "", "format": "jpg", "tar": "00000.tar", "offset": 0, "length": 20_000,
        "original_format": "jpg", "animated": False, "alpha": False, "scores": None,
    }  # fmt: skip
    for name_, value in added.items():
        field = SAMPLE_SCHEMA.field(name_)
        whole = isinstance(value, pa.ChunkedArray | pa.Array | np.ndarray)
        filled = pa.repeat(pa.scalar(value, field.type), len(rows)) if not whole else value
        rows = rows.append_column(
            field, pa.array(filled, field.type) if isinstance(filled, np.ndarray) else filled
        )
    return rows.cast(SAMPLE_SCHEMA)


def mixed(values: Numbers, seed: int) -> Numbers:
    """64 bits of each number, as good as random (splitmix64)."""
    z = values.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x1234567) % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(values: Numbers, seed: int) -> NDArray[np.float64]:
    """In [0, 1)."""
    return (mixed(values, seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def ranked(u: NDArray[np.float64], first: float, last: int) -> NDArray[np.int64]:
    """Ranks 0 to last - 1 by Zipf's law with the exponent 1, of uniform numbers."""
    return (first * ((first + last) / first) ** u - first).astype(np.int64)


def draw(count: int, seed: int, first: float, last: int) -> NDArray[np.int64]:
    """So many ranks."""
    return ranked(uniform(np.arange(count, dtype=np.uint64), seed), first, last)


def digits(parts: list[Numbers]) -> pa.Array:
    """Hex digits of these numbers side by side, 16 each."""
    width = 16 * len(parts)
    text = np.stack(parts, axis=1).astype(">u8").tobytes().hex().encode()
    offsets = np.arange(len(parts[0]) + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(len(parts[0]), pa.py_buffer(offsets), pa.py_buffer(text))


def joined(*pieces: str | NDArray[np.str_]) -> pa.Array:
    """One text of several."""
    texts = [piece if isinstance(piece, str) else pa.array(piece) for piece in pieces]
    return pc.binary_join_element_wise(*texts, "")
