import gzip
import json

import pytest

from tests.shared_data import shared_data
from wit_builder.crawl.traps import MAX_LENGTH, trap


def at(path: str) -> str:
    return f"http://a.test/{path}"


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("x" * (MAX_LENGTH - len(at("")) + 1), "2049 characters, at most 2048"),
        ("?" + "&".join(f"p{n}=1" for n in range(13)), "13 query parameters, at most 12"),
        ("/".join(map(str, range(21))), "21 path segments, at most 20"),
        ("a/b/a/c/a/d/a", "segment 'a' 4 times, at most 3"),
        ("x/a/a/a/y", "repeats 'a'"),
        ("x/en/news/en/news/y", "repeats 'en/news'"),
        ("a/b/c/a/b/c", "repeats 'a/b/c'"),
    ],
)
def test_an_address_beyond_a_limit_is_a_trap(path, shape):
    assert trap(at(path)) == shape


@pytest.mark.parametrize(
    "path",
    [
        "",
        "x" * (MAX_LENGTH - len(at(""))),
        "?" + "&".join(f"p{n}=1" for n in range(12)),
        "/".join(map(str, range(20))),
        "a/b/a/c/a/d",
        "x/a/a/y",
        "2011/11/11/11-reasons",
        "assets/2/2/2/5",
        "en/news/en/sport",
        "//a//",
    ],
)
def test_an_address_at_the_limit_is_none(path):
    assert trap(at(path)) is None


def test_no_page_of_real_sites_is_a_trap():
    with gzip.open(shared_data("sites/truth.jsonl.gz"), "rt") as lines:
        pages = [json.loads(line)["page"] for line in lines]
    assert [page for page in pages if trap(page)] == []
