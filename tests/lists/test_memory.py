"""Peak memory of a process that reads a list does not grow with the list."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.lists.reading import PACKED
from tests.structure.documents import ROOT

FEW, MANY = 50_000, 1_000_000
READ = """
import json, re, sys
from pathlib import Path
from tests.lists.reading import read
from wit_builder.lists import collect
kept = read(Path(sys.argv[1]).parent, sys.argv[1]).funnel["extract"].kept
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(json.dumps([kept, int(peak)]))
"""


def peak(file):
    """Rows kept and KiB at the most, of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", READ, file], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def rows(count):
    numbers = pa.array(range(count)).cast(pa.string())
    urls = pc.binary_join_element_wise("http://www.example.org/images/", numbers, ".jpg", "")
    captions = pc.binary_join_element_wise("a picture of a red boat, number", numbers, " ")
    return pa.table({"URL": urls, "TEXT": captions, "WIDTH": range(count)})


def written(folder, name, count):
    file = folder / f"{count}-{name}"
    table = rows(count)
    if name.endswith(".parquet"):  # all in one row group
        pq.write_table(table, file, row_group_size=count)
    elif name.startswith("a.csv"):
        sink = pa.BufferOutputStream()
        pa.csv.write_csv(table, sink)
        file.write_bytes(PACKED[file.suffix if file.suffix in PACKED else ""](sink.getvalue().to_pybytes()))
    else:
        separator, ends = (b",", (b"[", b"]")) if name == "a.json" else (b"\n", (b"", b""))
        file.write_bytes(
            ends[0] + separator.join(json.dumps(r).encode() for r in table.to_pylist()) + ends[1]
        )
    return file


@pytest.mark.slow  # a million rows are written and read for each format
@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.zst", "a.jsonl", "a.json"])
def test_memory_does_not_grow_with_the_list(tmp_path, name):
    (few, small), (many, large) = (peak(written(tmp_path, name, count)) for count in (FEW, MANY))
    assert (few, many) == (FEW, MANY)
    assert large < small + 60_000
