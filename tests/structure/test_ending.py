"""No thread of Arrow's holds a Python file: one that lets go of it while Python ends aborts the process (134)."""

import re
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.processes import environment
from tests.structure.documents import ROOT, modules
from wit_builder.shards import manifest

COUNTED = """
import os, sys
{imports}
before = len(os.listdir("/proc/self/task"))
{read}
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.fixture
def out(tmp_path):
    """A manifest of no shards, a list and what is to be left out."""
    (tmp_path / "shards").mkdir()
    manifest.write_manifest(tmp_path, [])
    pq.write_table(pa.table({"sha256": ["0" * 64] * 9}), tmp_path / "list.parquet")
    pq.write_table(pa.table({"shard": ["00000.tar"] * 9, "key": ["1"] * 9}), tmp_path / "exclude.parquet")
    return tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
@pytest.mark.parametrize(
    ("imports", "read"),
    [
        ("from wit_builder.shards import manifest", "manifest.read_manifest(Path(folder))"),
        (
            "from wit_builder.blocklist import lists, settings",
            "lists.read(settings.Blocklist(sha256=(f'{folder}/list.parquet',)))",
        ),
        (
            "from wit_builder.shardset import exclude",
            "exclude.read(f'{folder}/exclude.parquet').keys('00000.tar')",
        ),
    ],
)
def test_an_open_file_is_read_by_the_thread_that_opened_it(out, imports, read):
    code = COUNTED.format(imports=f"from pathlib import Path\n{imports}\nfolder = sys.argv[1]", read=read)
    done = subprocess.run(
        [sys.executable, "-c", code, out], capture_output=True, text=True, cwd=ROOT, env=environment()
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "0\n"


def test_no_open_file_is_given_to_what_reads_by_threads():
    """pyarrow.parquet.read_table does, whatever it is told; ParquetFile does not."""
    found = [path.name for path in modules() if re.search(r"read_table\((file|opened)\b", path.read_text())]
    assert found == []
