"""One thing that most rows share costs neither memory nor the result."""

import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.processes import ROOT
from tests.curation.rows import candidate, out, ran, sample
from wit_builder.curation import boilerplate, near, tables
from wit_builder.curation.settings import Duplicates
from wit_builder.engine import columns, shuffle
from wit_builder.engine.hashes import hashed
from wit_builder.records import CANDIDATE_SCHEMA, SAMPLE_SCHEMA, to_table

FEW, MANY = 100, 60_000
LONG = "x" * 3_000  # of each row, so that MANY of them take 180 MB

PEAK = """
import importlib, pickle, re, sys
from pathlib import Path

from tests.curation.rows import ran

module, name, folder = sys.argv[1:]
arg, params = pickle.loads(Path(folder, "asked").read_bytes())
task = ran(getattr(importlib.import_module(module), name), Path(folder), arg, **params)
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
print(peak >> 10)
"""


@pytest.fixture(autouse=True)
def short_batches(monkeypatch):
    monkeypatch.setattr(shuffle, "BATCH", 2_000)


def copies(row, schema, count, **others):
    """So many of a row, but for these columns; each with an id of its own."""
    numbers = pa.array(range(count)).cast(pa.string())
    ids = columns.hexed(np.stack([hashed(pa.chunked_array([numbers]), seed) for seed in (0, 1)]))
    table = to_table([row], schema).take(pa.array(np.zeros(count, np.int64)))
    for name, column in {"id": ids, **others}.items():
        table = table.set_column(schema.get_field_index(name), schema.field(name), column)
    return table


def numbered(count):
    return pa.array([f"caption {n}" for n in range(count)])


def one_url_under_all_captions(folder, count):
    rows = copies(
        candidate(), CANDIDATE_SCHEMA, count, caption=numbered(count), page_title=pa.repeat(LONG, count)
    )
    return asked_of_select(folder, rows)


def one_pair_on_all_pages(folder, count):
    same = pa.repeat(candidate().id, count)
    pages = pa.array([f"http://a.test/{n}" for n in range(count)])
    rows = copies(
        candidate(), CANDIDATE_SCHEMA, count, id=same, page_url=pages, page_title=pa.repeat(LONG, count)
    )
    return asked_of_select(folder, rows)


def asked_of_select(folder, rows):
    shuffle.write(folder / "in", rows, np.zeros(rows.num_rows, np.int64), 1)
    return 0, {"inputs": [str(folder / "in")], "bins": 1, "duplicates": Duplicates(), "boilerplate": []}


def one_sha256_of_all_images(folder, count):
    rows = copies(sample(), SAMPLE_SCHEMA, count, caption=numbered(count), page_title=pa.repeat(LONG, count))
    shuffle.write(folder / "in", rows, np.zeros(count, np.int64), 1)
    rules = Duplicates(placeholder_captions=count + 1)
    params = {"inputs": [str(folder / "in")], "partitions": 1, "duplicates": rules, "incumbents": None}
    return 0, params | {"top": None}


def one_pdq_hash_of_all_images(folder, count):
    rows = copies(sample(), SAMPLE_SCHEMA, count, caption=numbered(count), url=pa.repeat(LONG, count))
    tables.write_parquet(folder / "samples", rows)
    params = {
        "duplicates": Duplicates(),
        "incumbents": None,
        "samples": [str(folder / "samples")],
        "tasks": 1,
        "parts": 1,
    }
    (links,) = out(ran(near.pairs, folder, 0, **params), "links")
    return {"samples": params["samples"]}, params | {"links": [str(links)]}


CASES = [
    (one_url_under_all_captions, "wit_builder.curation.select", "unique"),
    (one_pair_on_all_pages, "wit_builder.curation.select", "unique"),
    (one_sha256_of_all_images, "wit_builder.curation.clean", "exact"),
    (one_pdq_hash_of_all_images, "wit_builder.curation.clean", "similar"),
]


def told(case, module, name, folder, count):
    """(peak of its process in MB, losses) of a stage's task over so many rows."""
    folder.mkdir()
    (folder / "asked").write_bytes(pickle.dumps(case(folder, count)))
    command = [sys.executable, "-c", PEAK, module, name, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return int(done), [pq.read_table(path) for path in folder.glob("*/*losses*")]


@pytest.mark.parametrize(("case", "module", "name"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_of_what_most_rows_share_only_keys_are_in_memory(case, module, name, tmp_path):
    base, _ = told(case, module, name, tmp_path / "few", FEW)
    peak, (losses,) = told(case, module, name, tmp_path / "many", MANY)
    assert losses.num_rows == MANY - 1
    assert peak < base + (250 if case is one_pdq_hash_of_all_images else 200)


@pytest.mark.parametrize("at_a_time", [10, 1_000])
def test_a_caption_on_all_images_is_counted_in_portions_and_told_to_each_bin_once(
    tmp_path, monkeypatch, at_a_time
):
    monkeypatch.setattr(boilerplate, "ROWS", at_a_time)
    keys = [
        boilerplate._key(pa.chunked_array([texts])) for texts in (["logo"] * 90, [f"u{n}" for n in range(90)])
    ]
    rows = pa.table([*keys, np.arange(90) % 3], schema=boilerplate._CAPTION_OF_URL)
    shuffle.write(tmp_path / "in", rows, np.zeros(90, np.int64) + 1, 4)
    rules = Duplicates(max_images_per_caption=20)
    counted = ran(boilerplate.captions, tmp_path, 1, inputs=[str(tmp_path / "in")], bins=4, duplicates=rules)
    (path,) = out(counted, "boilerplate")
    told = [
        shuffle.read([path], bin_, 4, boilerplate._SPREAD).column("count").to_pylist() for bin_ in range(4)
    ]
    assert told == [[90], [90], [90], []]
