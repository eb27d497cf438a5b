import pyarrow as pa
import pytest

from wit_builder.curation import sites


def test_each_url_has_its_registrable_domain_however_often_its_host_comes():
    urls = ["http://a.b.co.uk/1", "https://c.test:8000/", "http://x.b.co.uk/2", "http://a.b.co.uk/3"]
    names, site = sites.of(pa.chunked_array([urls[:1], urls[1:]]))
    assert [names[of] for of in site.tolist()] == ["b.co.uk", "c.test", "b.co.uk", "b.co.uk"]
    assert len(names) == 3  # origins


def test_no_urls_have_no_domains():
    names, site = sites.of(pa.chunked_array([], pa.string()))
    assert (names, site.tolist()) == ([], [])


def test_what_is_no_url_of_the_web_is_refused():
    with pytest.raises(ValueError, match="ftp"):
        sites.of(pa.chunked_array([["ftp://a.test/1"]]))
