import gzip
import random
import zlib
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.lists.reading import PACKED, items, parquet, read, run, text_of, write
from wit_builder import remote
from wit_builder.errors import ConfigError
from wit_builder.lists import files as files_
from wit_builder.lists import parquet as parquet_
from wit_builder.lists.collect import collect
from wit_builder.lists.files import PIECE
from wit_builder.lists.lines import MAX_LINE
from wit_builder.lists.plan import plan
from wit_builder.lists.settings import UrlList
from wit_builder.lists.slices import Slice

COUNT = 20_000
CHANCE = random.Random(3)
ROWS = [
    {"url": f"http://a.test/{CHANCE.getrandbits(64):x}.jpg", "caption": f"picture {n}"} for n in range(COUNT)
]
TEXT = "url,caption\n" + "".join(f"{row['url']},{row['caption']}\n" for row in ROWS)
PAIRS = [tuple(row.values()) for row in ROWS]


@pytest.mark.parametrize("packed", [".gz", ".zst"])
def test_of_a_packed_file_that_is_cut_only_what_follows_is_lost(tmp_path, packed):
    half = TEXT[: len(TEXT) // 2]
    whole, head = PACKED[packed](TEXT.encode()), PACKED[packed](half.encode())
    file = tmp_path / f"a.csv{packed}"
    file.write_bytes(whole[: len(head)])
    done = read(tmp_path, file)
    assert done.pairs == PAIRS[: len(done.pairs)]
    assert len(done.pairs) > half.count("\n") - (PIECE + (1 << 17)) // 40  # and what the packer held back
    ((reason, evidence),) = done.lost
    assert reason == "damaged"
    assert evidence.startswith(f"{file.name}#{len(done.pairs)}: row {len(done.pairs)} and all that follow: ")


def test_at_most_a_piece_before_the_cut_is_lost(tmp_path):
    """A flushed stream holds nothing back."""
    packer = zlib.compressobj(wbits=31)
    data = packer.compress(TEXT.encode()) + packer.flush(zlib.Z_SYNC_FLUSH)
    (tmp_path / "a.csv.gz").write_bytes(data)
    lost = COUNT - len(read(tmp_path, tmp_path / "a.csv.gz").pairs)
    assert 0 < lost <= PIECE // 40 + 1


def test_a_packed_file_with_a_wrong_bit_is_read_up_to_it(tmp_path):
    data = bytearray(gzip.compress(TEXT.encode()))
    data[len(data) // 2] ^= 0x10
    (tmp_path / "a.csv.gz").write_bytes(data)
    done = read(tmp_path, tmp_path / "a.csv.gz")
    assert 0 < len(done.pairs) < COUNT
    assert done.reasons[-1] == "damaged"


def test_the_other_files_of_the_list_are_read_whole(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TEXT.encode())[:-1_000])
    write(tmp_path / "b.csv", TEXT)
    done = read(tmp_path, tmp_path / "*.csv*")
    assert done.pairs[-COUNT:] == PAIRS
    assert done.reasons == ["damaged"]


def spoil(file, group, column="caption"):
    """Overwrite the end of one column of one row group."""
    metadata = pq.read_metadata(file).row_group(group)
    chunk = next(metadata.column(i) for i in range(2) if metadata.column(i).path_in_schema == column)
    data = bytearray(file.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    end = start + chunk.total_compressed_size
    data[end - 2_000 : end] = b"\xff" * 2_000
    file.write_bytes(data)


@pytest.mark.parametrize("compression", ["snappy", "zstd"])
def test_of_a_damaged_row_group_what_follows_is_lost_and_the_next_one_is_read(tmp_path, compression):
    file = tmp_path / "a.parquet"
    pq.write_table(
        pa.Table.from_pylist(ROWS), file, row_group_size=8_000, use_dictionary=False, compression=compression,
        data_page_size=10_000, write_batch_size=100,
    )  # fmt: skip
    spoil(file, 1)
    done = read(tmp_path, file)
    assert done.pairs[:8_000] == PAIRS[:8_000]
    assert done.pairs[-4_000:] == PAIRS[16_000:]
    ((reason, evidence),) = done.lost
    assert reason == "damaged"
    first = len(done.pairs) - 4_000
    assert 12_500 <= first < 16_000  # what was read before is kept
    assert evidence.startswith(f"a.parquet#{first}: rows {first} to 15999: ")


def test_where_an_item_is_a_row_a_damage_leaves_numbers_out(tmp_path):
    file = parquet(tmp_path / "a.parquet", ROWS, row_group_size=8_000)
    spoil(file, 1, "url")
    done = items(tmp_path, file, rows_per_part=4_000)
    numbers = [int(row["id"], 16) for row in done.rows()]
    (failed,) = done.rows("failures")
    assert numbers == [*range(int(failed["id"], 16)), *range(16_000, COUNT)]
    assert len(done.paths("candidates")) == len(done.paths("failures")) == 5


def test_a_footer_that_promises_too_much_is_a_damage(tmp_path, monkeypatch):
    file = parquet(tmp_path / "a.parquet", ROWS[:10])
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda self, *_, **__: iter(()))
    done = read(tmp_path, file)
    assert (done.pairs, done.reasons) == ([], ["damaged"])


# -- bombs


@pytest.mark.parametrize("packed", [".gz", ".zst"])
def test_a_bomb_is_put_down(tmp_path, monkeypatch, packed):
    monkeypatch.setattr(files_, "FREE_BYTES", 1 << 20)
    bomb = f"{ROWS[0]['url']},x\n".encode() + b"\0" * (64 << 20)
    done = read(tmp_path, write(tmp_path / f"a.csv{packed}", b"url,caption\n" + bomb))
    assert done.pairs == [(ROWS[0]["url"], "x")]
    assert "unpack to over" in done.lost[-1][1]


def test_a_list_that_packs_well_is_no_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(files_, "FREE_BYTES", 0)
    rows = "".join(
        f"http://www.example.org/images/large/{n:08}.jpg,the same caption\n" for n in range(20_000)
    )
    text = f"url,caption\n{rows}"
    assert len(gzip.compress(text.encode())) * 15 < len(text)
    assert len(read(tmp_path, write(tmp_path / "a.csv.gz", text)).pairs) == 20_000


# -- the store fails, the file is good


class Failing:
    def __init__(self, file, good):
        self._file, self._good = file, good

    def read(self, size=-1):
        self._good -= 1
        if self._good < 0:
            raise TimeoutError("the store did not answer")
        return self._file.read(size)

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz", "a.csv.zst"])
@pytest.mark.parametrize("good", [0, 1, 3])
def test_a_store_that_fails_is_no_damage_and_the_task_may_be_tried_again(tmp_path, monkeypatch, name, good):
    if name == "a.parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / name, row_group_size=4_000)
    else:
        write(tmp_path / name, TEXT)
    monkeypatch.setattr(files_, "CHUNK", 100_000)

    @contextmanager
    def opened(url, real=remote.opened):
        with real(url) as raw:
            yield Failing(raw, good) if failing else raw

    failing = False
    monkeypatch.setattr(remote, "opened", opened)
    urls = UrlList(files=(str(tmp_path / name),))
    made = plan(urls)
    failing = True
    if good == 0:
        with pytest.raises(ConfigError, match="cannot be read: TimeoutError: the store did not answer"):
            plan(urls)
    with pytest.raises(TimeoutError, match="the store did not answer"):
        run(tmp_path, made.tasks, collect, {"mask": ()})
    failing = False
    assert run(tmp_path, made.tasks, collect, {"mask": ()}).pairs == PAIRS


def once(path, text, rows, as_categories=False):
    """A file of few bytes in which one caption stands in every row."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))
    table = pa.table({"url": [row["url"] for row in ROWS[:rows]], "caption": texts})
    pq.write_table(table, path, store_schema=as_categories)
    return path


def batches(path):
    part = Slice.from_json(plan(UrlList(files=(str(path),))).tasks[0])
    with files_.opened(part.source) as file:
        yield from parquet_.read(file, part, 0, None)


@pytest.mark.parametrize("as_categories", [False, True])  # as pandas writes them
def test_a_text_that_stands_once_in_the_file_and_in_every_row_is_not_held_often(tmp_path, as_categories):
    """1 MB in the file, 1 GB as rows."""
    read = batches(once(tmp_path / "a.parquet", "x" * 1_000_000, 1_000, as_categories))
    held = [sum(map(len, next(read).captions)) for _ in range(3)]
    assert 0 < max(held) <= 2 * parquet_.BATCH_BYTES


def test_so_is_one_that_is_too_long(tmp_path):
    (rows, *_) = batches(once(tmp_path / "a.parquet", "x" * (8 << 20), 100))
    assert rows.numbers == [] and len(rows) * (8 << 20) <= 2 * parquet_.BATCH_BYTES


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_row_is_too_long_alike_in_every_format(tmp_path, format):
    rows = [*ROWS[:2], {"url": ROWS[2]["url"], "caption": "x" * MAX_LINE}, *ROWS[3:5]]
    file = tmp_path / f"a.{format}"
    if format == "parquet":
        parquet(file, rows)
    else:
        write(file, text_of(format, rows))
    done = read(tmp_path, file)
    assert done.pairs == [*PAIRS[:2], *PAIRS[3:5]]
    ((reason, evidence),) = done.lost
    assert reason == "bad_row"
    assert evidence.startswith(f"a.{format}#2: longer than 4,194,304 bytes: ")
    assert ROWS[2]["url"] in evidence


def test_memory_that_ends_is_no_damage(tmp_path, monkeypatch):
    file = parquet(tmp_path / "a.parquet", ROWS[:10])

    def no_memory(*_, **__):
        raise pa.ArrowMemoryError("malloc of size 1 failed")
        yield

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", no_memory)
    with pytest.raises(MemoryError):
        read(tmp_path, file)
