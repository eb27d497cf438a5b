import subprocess
import sys
import uuid
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.fetch import dying
from tests.fetch.pairs import TEN, candidate, pixels, visit
from wit_builder import mirror
from wit_builder.errors import BuildError, Gone
from wit_builder.fetch import chunks as chunks_
from wit_builder.fetch.chunks import Chunks
from wit_builder.shards.tar import TarWriter

ROOT = Path(__file__).parents[2]
A, B = "0000000a", "0000000b"


def settled(folder, attempt, *rows):
    """The folder's chunks, with one more that has these failures."""
    chunks = Chunks(folder, attempt, folder, TEN)
    for row in rows:
        chunks.add_failure(row, Gone("http_404"))
    chunks.commit()
    return chunks


def images(chunks, folder):
    """URL to image of every sample, read where its row says."""
    rows = [row for path in chunks.samples for row in pq.read_table(path).to_pylist()]
    return {r["url"]: (folder / r["tar"]).read_bytes()[r["offset"] :][: r["length"]] for r in rows}


def test_what_is_committed_is_there_for_the_next_attempt(tmp_path):
    first = Chunks(tmp_path, A, tmp_path, TEN)
    first.add_sample(1, visit(), pixels(b"an image"))
    first.add_failure(2, Gone("http_404"))
    first.commit()
    again = Chunks(tmp_path, B, tmp_path, TEN)
    assert again.settled == {candidate(f"http://a.test/{n}").id for n in (1, 2)}
    assert images(again, tmp_path) == {"http://a.test/1": b"an image"}
    assert again.funnel.as_json() == {"fetch": {"seen": 2, "kept": 1, "dropped": {"http_404": 1}}}


def test_what_is_not_committed_is_not(tmp_path):
    Chunks(tmp_path, A, tmp_path, TEN).add_failure(1, Gone("dns"))
    assert Chunks(tmp_path, B, tmp_path, TEN).settled == set()


def test_nothing_added_makes_no_chunk(tmp_path):
    Chunks(tmp_path, A, tmp_path, TEN).commit()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("items", "chunks"), [(3, 0), (4, 1), (9, 2)])
def test_a_full_chunk_is_committed(tmp_path, monkeypatch, items, chunks):
    monkeypatch.setattr(chunks_, "CHUNK_ITEMS", 4)
    filling = Chunks(tmp_path, A, tmp_path, TEN)
    for n in range(items):
        filling.add_failure(n, Gone("dns"))
    assert len(list(tmp_path.glob("chunk-*.json"))) == chunks


@pytest.mark.parametrize(("age", "chunks"), [(29.0, 0), (31.0, 1)])
def test_an_old_chunk_is_committed(tmp_path, monkeypatch, age, chunks):
    clock = [100.0]
    monkeypatch.setattr(chunks_.time, "monotonic", lambda: clock[0])
    filling = Chunks(tmp_path, A, tmp_path, TEN)
    filling.add_failure(1, Gone("dns"))
    clock[0] += age
    filling.commit_when_due()
    assert len(list(tmp_path.glob("chunk-*.json"))) == chunks


def test_the_first_record_of_a_number_wins(tmp_path):
    with Chunks.open(tmp_path, A, tmp_path, TEN), Chunks.open(tmp_path, B, tmp_path, TEN) as late:
        settled(tmp_path, A, 1)
        late.add_failure(2, Gone("dns"))
        with pytest.raises(BuildError, match="this one stops"):
            late.commit()
    assert Chunks(tmp_path, B, tmp_path, TEN).settled == {candidate("http://a.test/1").id}


def test_what_another_process_may_be_filling_stays_where_nothing_locks(tmp_path):
    with Chunks.open(tmp_path, A, tmp_path, TEN) as first:
        first.add_sample(1, visit(), pixels())
        with Chunks.open(tmp_path, B, tmp_path, TEN, alone=False):
            pass
        first.commit()
    assert list(tmp_path.glob("chunk-00000.*.tar"))


def test_a_damaged_record_is_named_and_without_it_only_its_chunk_is_fetched_again(tmp_path):
    for n in range(3):
        settled(tmp_path, A, n)
    record = tmp_path / "chunk-00001.json"
    record.write_bytes(record.read_bytes()[:7])
    with pytest.raises(BuildError, match=r"chunk-00001.json is damaged \(7 bytes") as caught:
        Chunks(tmp_path, B, tmp_path, TEN)
    assert caught.value.hint.startswith(f"rm {record}")
    record.unlink()
    mended = settled(tmp_path, B, 1)
    assert mended.settled == {candidate(f"http://a.test/{n}").id for n in range(3)}


def test_a_chunk_whose_tar_could_not_be_written_is_never_committed(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks_, "TarWriter", FullDisk)
    with pytest.raises(BuildError, match="no space"), Chunks.open(tmp_path, A, tmp_path, TEN) as filling:
        filling.add_sample(1, visit(), pixels())
        filling.commit()
    assert Chunks(tmp_path, B, tmp_path, TEN).settled == set()


class FullDisk(TarWriter):
    def _flush(self):
        self._file.close()
        raise BuildError("no space is left on the device")


@pytest.fixture(scope="module")
def died(tmp_path_factory):
    """What processes left that were killed, each one step further."""
    folder = tmp_path_factory.mktemp("died")
    command = [sys.executable, "-m", "tests.fetch.dying", folder]
    count = int(subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout)
    return sorted(folder.iterdir())[:count]


def test_processes_died_between_tar_parquet_and_record(died):
    left = [{path.name.split(".")[-2] for path in folder.glob("chunk-00001.*")} for folder in died]
    assert len(died) > 15
    assert {frozenset(kinds) for kinds in left} >= {
        frozenset(["0000000b"]),  # the tar
        frozenset(["0000000b", "samples"]),
        frozenset(["0000000b", "samples", "failures", "losses"]),
        frozenset(["0000000b", "samples", "failures", "losses", "chunk-00001"]),  # and the record
    }


def test_killed_at_any_step_the_next_attempt_ends_with_the_same(died):
    for folder in died:
        dying.fill(folder, "0000000c", range(6))
        chunks = Chunks(folder, "0000000d", folder, TEN)
        assert images(chunks, folder) == {f"http://a.test/{n}": b"image %d" % n for n in (0, 2, 4)}
        assert chunks.funnel.as_json()["fetch"] == {"seen": 6, "kept": 3, "dropped": {"http_404": 3}}


def test_what_killed_attempts_left_is_removed(died):
    for folder in died:
        chunks = Chunks(folder, "0000000d", folder, TEN)
        named = {path.stem.partition(".samples")[0] for path in chunks.samples}
        stems = {".".join(path.name.split(".")[:2]) for path in folder.iterdir() if path.name[0] != "."}
        assert stems - {f"chunk-{n:05d}.json" for n in range(2)} == named
        assert list(folder.glob(".*.tmp")) == []


def test_chunks_in_a_store_are_gone_on_with_elsewhere_and_leave_no_tars_here(tmp_path):
    url = f"memory://{uuid.uuid4().hex}/fetch"
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, attempt, row in ((here, A, 1), (there, B, 2)):
        folder.mkdir()
        with mirror.met(url, folder), Chunks.open(folder, attempt, folder, TEN) as chunks:
            assert len(chunks.settled) == row - 1
            chunks.add_sample(row, visit(), pixels(b"an image"))
            chunks.commit()
        assert len(chunks.settled) == row
        assert not list(folder.rglob("*.tar"))
    with mirror.met(url, there):
        rows = [row for path in chunks.samples for row in pq.read_table(path).to_pylist()]
        objects, _ = mirror.behind(there)
        found = [objects.bytes_of(row["tar"], row["offset"], row["offset"] + row["length"]) for row in rows]
    assert found == [b"an image", b"an image"]
    assert chunks.funnel["fetch"].kept == 2


def test_of_two_attempts_in_a_store_the_one_that_comes_late_stops(tmp_path):
    url = f"memory://{uuid.uuid4().hex}/fetch"
    with mirror.met(url, tmp_path):
        early, late = (Chunks(tmp_path, attempt, tmp_path, TEN) for attempt in (A, B))
        for chunks in (early, late):
            chunks.add_failure(1, Gone("dns"))
            chunks.commit()
        early._settle()
        with pytest.raises(BuildError, match=r"another process fetches for memory://.*; this one stops"):
            late._settle()
