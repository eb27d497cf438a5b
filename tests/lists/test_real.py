"""Addresses and alts of real pages, written as lists by programs that are not ours."""

import gzip
import json

import fsspec
import pandas as pd
import pytest

from tests.lists.reading import read
from tests.shared_data import shared_data
from wit_builder.text.normalize import fold
from wit_builder.web.url import normalise


@pytest.fixture(scope="module")
def frame():
    with gzip.open(shared_data("sites/truth.jsonl.gz"), "rt") as file:
        images = [image for line in file for image in json.loads(line)["images"]]
    rows = [(url, alt) for _, alt, url, _ in images if alt and fold(alt) and url and url.startswith("http")]
    made = pd.DataFrame(rows, columns=["URL", "TEXT"])
    odd = ['He said: "no",\nand left', "tab\there", "line\r\nbreak", '"', '""', "a,b;c|d"]
    made.loc[made.index[: len(odd)], "TEXT"] = odd
    return made


@pytest.fixture(scope="module")
def expected(frame):
    return [(normalise(url), fold(text)) for url, text in zip(frame["URL"], frame["TEXT"], strict=True)]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.csv", lambda f, p: f.to_csv(p, index=False)),
        ("a.csv.gz", lambda f, p: f.to_csv(p, index=True)),
        ("a.tsv", lambda f, p: f.to_csv(p, index=False, sep="\t")),
        ("a.csv", lambda f, p: f.to_csv(p, index=False, quoting=1)),
        ("a.json", lambda f, p: f.to_json(p, orient="records")),
        ("a.jsonl", lambda f, p: f.to_json(p, orient="records", lines=True)),
        ("a.parquet", lambda f, p: f.to_parquet(p)),
    ],
)
def test_what_pandas_wrote_is_read_to_the_letter(tmp_path, frame, expected, name, write):
    write(frame, tmp_path / name)
    assert len(expected) > 1_000
    done = read(tmp_path, tmp_path / name)
    assert done.pairs == expected
    assert done.lost == []


def test_a_list_is_read_from_any_store_that_fsspec_knows(tmp_path, frame, expected):
    with fsspec.open("memory://lists/a.parquet", "wb") as file:
        frame.to_parquet(file)
    assert read(tmp_path, "memory://lists/*.parquet").pairs == expected
