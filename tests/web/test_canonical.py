import gzip
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.shared_data import shared_data
from wit_builder.web.canonical import canonical
from wit_builder.web.url import MAX_URL, TRACKING, normalise


def held(urls):
    """Whether normalise leaves all that canonical says yes to as they are; how many these are."""
    found = canonical(pa.array(urls, pa.string()))
    for url in np.array(urls, object)[found]:
        assert normalise(url) == url
    return int(found.sum())


PIECES = (
    "http https HTTP ftp :// : / // \\ . .. %2e %2E %20 % ? # & = user@ :80 :8080 x.jpg w=300 utm_source=x GCLID=1 "
    "a.test A.test xn--bcher-kva.de bücher.de 127.0.0.1 0x7f.1 1.2.3 a_b.test a-.test - fbclid ; ' \" < | ^ ` { é ~ "
    "* ( [ ] @ + $ ! , \u3000 \0 \t \n"
)
MADE = st.lists(st.sampled_from(PIECES.split(" ")), max_size=8).map("".join)
LIKELY = st.tuples(st.sampled_from(["http://a.test", "https://b-c.example.org"]), MADE).map("".join)


@given(st.lists(MADE | LIKELY | st.text(max_size=30), max_size=20))
@example(["http://a.test/x/../y", "http://a.test/.", "http://a.test/%2e%2e/", "http://a.test/x/.%2e"])
@example(
    ["http://a.1/", "http://a.0x1/", "http://a.test./", "http://a.test", "http://a.test/?", "http://a.test/#"]
)
def test_what_is_called_canonical_is_what_normalise_returns(urls):
    held(urls)


def test_it_is_so_for_the_url_standards_own_tests():
    cases = json.loads((shared_data("conformance/url") / "urltestdata.json").read_text())
    inputs = [case["input"] for case in cases if isinstance(case, dict)]
    assert held([url for url in inputs if url.isascii()]) > 10


@pytest.mark.parametrize("name", sorted(TRACKING))
def test_an_address_with_a_tracking_parameter_is_not(name):
    urls = [f"http://a.test/?{name}=1", f"http://a.test/?a=b&{name.upper()}", f"http://a.test/?{name}&a"]
    assert not canonical(pa.array(urls)).any()
    assert canonical(pa.array([f"http://a.test/?x{name}=1"])).all()


@pytest.mark.parametrize(("length", "yes"), [(MAX_URL, True), (MAX_URL + 1, False)])
def test_a_longer_address_is_not(length, yes):
    url = "http://a.test/".ljust(length, "x")
    assert canonical(pa.array([url])).tolist() == [yes]


def test_null_is_not():
    assert canonical(pa.array([None, "http://a.test/"])).tolist() == [False, True]


def test_most_addresses_of_real_pages_are():
    """Else it would be of no use."""
    with gzip.open(shared_data("sites/truth.jsonl.gz"), "rt") as file:
        urls = [image[2] for line in file for image in json.loads(line)["images"] if image[2]]
    assert held(urls) / len(urls) > 0.9
