"""Memory and time do not grow with what an archive claims or holds; each case in a process of its own."""

import gzip
import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.archive.archives import dumped, http, image, metadata, page, record
from tests.structure.documents import ROOT

_READ = """
import json, resource, sys
from pathlib import Path
from wit_builder.archive.collect import collect
from wit_builder.engine.task import Task
from wit_builder.extract.settings import Extraction
from wit_builder.web.settings import WebSettings

root, kind = Path(sys.argv[1]), sys.argv[2]
arg = {"kind": kind, "file": str(root / f"a.{kind}"), "name": f"a.{kind}"}
task = Task(root, "collect", "0", arg, {"web": WebSettings(), "extraction": Extraction()})
before = resource.getrusage(resource.RUSAGE_SELF)
collect(task)
after = resource.getrusage(resource.RUSAGE_SELF)
told = {"mb": (after.ru_maxrss - before.ru_maxrss) >> 10, "cpu": after.ru_utime - before.ru_utime}
print(json.dumps(told | {"pages": task.funnel.as_json()["pages"]}))
"""


@pytest.fixture
def read(tmp_path):
    """What reading these bytes takes: mb beyond the start, cpu seconds, and what became of the pages."""

    def read(pieces, kind: str = "warc") -> dict:
        with Path(tmp_path, f"a.{kind}").open("wb") as file:
            file.writelines(pieces)
        (tmp_path / "collect").mkdir()
        command = [sys.executable, "-c", _READ, str(tmp_path), kind]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        told: dict = json.loads(done.stdout)
        return told

    return read


def bomb(megabytes: int, head: bytes = b"", tail: bytes = b"") -> bytes:
    """A gzip member of so many megabytes of zeros between head and tail; a thousandth as long."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH)
    zeros = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    last = deflate.compress(tail) + deflate.flush()
    size = (len(head) + (megabytes << 20) + len(tail)) & 0xFFFFFFFF
    crc = zlib.crc32(head)
    for _ in range(megabytes):
        crc = zlib.crc32(bytes(1 << 20), crc)
    crc = zlib.crc32(tail, crc)
    ends = crc.to_bytes(4, "little") + size.to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + first + zeros * megabytes + last + ends


def test_a_page_that_inflates_to_gigabytes_is_too_big(read):
    packed = bomb(4_000)
    assert len(packed) < 5_000_000
    taken = read([record(http(packed, "Content-Encoding: gzip")), page(1)])
    assert taken["pages"] == {"seen": 2, "kept": 1, "dropped": {"page_too_big": 1}}
    assert taken["mb"] < 60


@pytest.mark.slow
def test_ten_megabytes_that_inflate_to_ten_gigabytes_are_too_big(read):
    taken = read([record(http(bomb(10_000), "Content-Encoding: gzip")), page(1)])
    assert taken["pages"]["dropped"] == {"page_too_big": 1}
    assert taken["mb"] < 60


def test_a_record_that_inflates_to_a_gigabyte_is_too_big(read):
    block = http(b"")
    whole = record(block, length=len(block) + (1_000 << 20))
    packed = bomb(1_000, whole[:-4], b"\r\n\r\n")
    taken = read([packed, gzip.compress(page(1))])
    assert taken["pages"] == {"seen": 2, "kept": 1, "dropped": {"page_too_big": 1}}
    assert taken["mb"] < 60
    assert taken["cpu"] < 20  # 0.6 s where nobody else is at work


def test_a_length_of_a_terabyte_takes_no_memory(read):
    taken = read([page(1, length=1 << 40), page(2)])
    assert taken["pages"] == {"seen": 2, "kept": 1, "dropped": {"bad_record": 1}}
    assert taken["mb"] < 60


def test_memory_does_not_grow_with_the_number_of_records(read):
    taken = read([page(1), page(1, kind="revisit"), page(1, kind="request")] * 15_000)  # a million: below
    assert taken["pages"] == {"seen": 30_000, "kept": 15_000, "dropped": {"revisit": 15_000}}
    assert taken["mb"] < 120


@pytest.mark.slow
def test_a_million_records_are_read(read):
    taken = read([b"".join([page(n), page(n, kind="revisit")]) for n in range(500_000)])
    assert taken["pages"] == {"seen": 1_000_000, "kept": 500_000, "dropped": {"revisit": 500_000}}
    assert taken["mb"] < 250


def test_json_of_the_most_bytes_takes_bounded_memory(read):
    wide = dumped(metadata(links=[image(f"{n}.jpg") for n in range(150_000)]))
    assert 9_000_000 < len(wide) < 10_000_000
    taken = read([record(wide, kind="metadata")], kind="wat")
    assert taken["pages"]["kept"] == 1
    assert taken["mb"] < 200
