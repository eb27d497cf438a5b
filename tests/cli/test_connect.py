from types import SimpleNamespace

import pytest

from wit_builder.cli.connect import check_contact, parsed
from wit_builder.crawl.settings import Crawl
from wit_builder.errors import ConfigError
from wit_builder.lists.settings import UrlList


def test_pairs_are_read_in_their_order():
    pairs = ("A.test=127.0.0.1:80", "*.b.test=[::1]:65535", "gone.test=", "a.test=10.0.0.1:1")
    assert list(parsed(pairs).items()) == [
        ("a.test", "127.0.0.1:80"),
        ("*.b.test", "[::1]:65535"),
        ("gone.test", None),
    ]


BAD = "nonsense =127.0.0.1:80 a.test=127.0.0.1 a.test=127.0.0.1:0 a.test=127.0.0.1:65536 a.test=b.test:80 a.test=:80"


@pytest.mark.parametrize("pair", [*BAD.split(), "a.test=127.0.0.1:x", "a.test=300.0.0.1:80", ""])
def test_anything_else_is_refused_with_an_example(pair):
    with pytest.raises(ConfigError, match="is not HOST=IP:PORT") as refused:
        parsed((pair,))
    assert "127.0.0.1:8000" in refused.value.hint


def recipe(*seeds, contact="", demo_web=None, sitemaps=()):
    source = Crawl(seeds=seeds, sitemap_urls=sitemaps)
    return SimpleNamespace(source=source, web=SimpleNamespace(contact=contact), demo_web=demo_web)


OURS = [
    ("http://localhost/", ()),
    ("http://127.0.0.1:8000/", ()),
    ("http://127.3.2.1/", ()),
    ("http://[::1]:80/", ()),
    ("http://a.test/", ("a.test=127.0.0.1:80",)),
    ("http://a.b.test/", ("*.b.test=[::1]:80",)),
    ("http://a.test/", ("*=",)),
    ("http://a.test/", ("a.test=127.0.0.1:80", "*=9.9.9.9:80")),
]


@pytest.mark.parametrize(("seed", "pairs"), OURS)
def test_hosts_of_our_own_need_no_contact(seed, pairs):
    check_contact(recipe(seed), parsed(pairs))


THEIRS = [
    ("https://example.org/", ()),
    ("http://10.0.0.1/", ()),
    ("http://localhost.example.org/", ()),
    ("http://b.test/", ("*.b.test=127.0.0.1:80",)),
    ("http://a.test/", ("a.test=9.9.9.9:80",)),
    ("http://a.test/", ("*.test=9.9.9.9:80", "a.test=127.0.0.1:80")),
]


@pytest.mark.parametrize(("seed", "pairs"), THEIRS)
def test_other_peoples_hosts_need_one(seed, pairs):
    with pytest.raises(ConfigError, match="needs an address where its owner can reach you"):
        check_contact(recipe("http://localhost/", seed), parsed(pairs))
    check_contact(recipe(seed, contact="me@example.org"), parsed(pairs))


def test_a_sitemap_counts_as_a_seed():
    with pytest.raises(ConfigError, match=r"a crawl of example\.org needs"):
        check_contact(recipe(sitemaps=("https://example.org/sitemap.xml",)), {})


def of_a_list(contact=""):
    urls = UrlList(files=("pairs.parquet",))
    return SimpleNamespace(source=urls, web=SimpleNamespace(contact=contact), demo_web=None)


def test_the_hosts_of_a_list_may_be_anyones():
    with pytest.raises(ConfigError, match="a build that may ask any host needs an address"):
        check_contact(of_a_list(), parsed(("a.test=127.0.0.1:80",)))
    check_contact(of_a_list(contact="me@example.org"), {})
    check_contact(of_a_list(), parsed(("*=127.0.0.1:80",)))


def test_a_blank_contact_is_none_and_the_demo_web_needs_none():
    with pytest.raises(ConfigError):
        check_contact(recipe("https://example.org/", contact=" "), {})
    check_contact(recipe("http://start.demo.test/", demo_web=object()), {})


def test_permission_for_loopback_is_no_contact(wit):
    """A network may be allowed for test webs; that does not make the rest of the web ours."""
    typed = ("--seeds", "https://example.org/", "--allow-network", "127.0.0.0/8")
    assert wit("build", "crawl", *typed).error.startswith("a crawl of example.org needs")
