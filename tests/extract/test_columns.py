"""A column of references is resolved as each of them is, by `normalise` itself."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.extract.columns import resolved
from wit_builder.extract.links import MAX_PLAIN, Resolver
from wit_builder.web.url import normalise

NOWHERE = "nowhere"  # what an archive may have for an address
PAGE = "http://a.test/a/b/c"
PAGES = [
    PAGE,
    "http://a.test/",
    "https://a.test:8080/a/b/c.html?q=/x/../y",
    "http://a.test/a//b/",
    "http://1.2.3.4/a/%2E/b",
    "http://a.test/" + "x" * MAX_PLAIN,
    NOWHERE,
]
WRITTEN = """
    ../ ./ / // . a b.jpg ? = : http: https:// HTTP:// b.test/ co/ utm_source=x &UTM_medium &gclid %2e xn--p é #f @ \\
    data: DATA: ~ - (1) | " [ ^ 0x7f.1
"""
PIECES = st.sampled_from([*WRITTEN.split(), "\n", " ", "\x00", "x" * MAX_PLAIN])
REFERENCES = st.lists(PIECES, max_size=6).map("".join)


def slowly(written: str, page: str) -> str | None:
    try:
        return normalise(written, None if page == NOWHERE else page) if written else None
    except ValueError:
        return None


@given(st.lists(st.tuples(REFERENCES, st.integers(0, len(PAGES) - 1)), max_size=8))
def test_a_column_is_resolved_reference_by_reference(rows):
    written, on = [text for text, _ in rows], [page for _, page in rows]
    expected = [slowly(text, PAGES[page]) for text, page in rows]
    resolvers = [Resolver(page, None) for page in PAGES]
    assert [resolvers[page](text) for text, page in rows] == expected
    column = pa.array(written, pa.string())
    assert (
        resolved(column, np.array(on, int), [Resolver(page, None) for page in PAGES]).to_pylist() == expected
    )


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("../x.jpg", "http://a.test/a/x.jpg"),
        ("../../../x.jpg?w=1&utm_source=y", "http://a.test/x.jpg?w=1"),
        ("..//x.jpg", "http://a.test/a//x.jpg"),
        ("../https://b.test/x", "http://a.test/a/https://b.test/x"),
        (" //b.test/x.jpg\n", "http://b.test/x.jpg"),
        ("\t/&gclid", "http://a.test/&gclid"),
        ("x/./y", "http://a.test/a/b/x/y"),
        ("/x/..", "http://a.test/"),
        ("x/%2E%2e/y", "http://a.test/a/b/y"),
        ("/x:y", "http://a.test/x:y"),
        ("x:y", None),
    ],
)
def test_a_look_misreads_no_path(written, url):
    assert slowly(written, PAGE) == url
    assert Resolver(PAGE, None)(written) == url
    assert resolved(pa.array([written]), np.zeros(1, int), [Resolver(PAGE, None)]).to_pylist() == [url]
