import pytest

from wit_builder.crawl.scope import Scope
from wit_builder.crawl.settings import Crawl

SEED = ("http://www.news.example.co.uk/",)


@pytest.mark.parametrize(
    ("scope", "inside", "outside"),
    [
        ("host", {"www.news.example.co.uk", "news.example.co.uk"}, {"example.co.uk", "b.news.example.co.uk"}),
        ("domain", {"example.co.uk", "shop.example.co.uk"}, {"other.co.uk", "badexample.co.uk"}),
        ("any", {"example.co.uk", "b.test", "127.0.0.1"}, set()),
    ],
)
def test_the_scope_is_relative_to_the_seeds(scope, inside, outside):
    rules = Scope(Crawl(SEED, scope=scope))
    assert {host for host in inside | outside if rules.holds(host)} == inside


def test_named_hosts_are_inside_besides():
    rules = Scope(Crawl(SEED, hosts=("b.test", "*.demo.test")))
    hosts = ("b.test", "c.b.test", "x.demo.test", "y.x.demo.test", "demo.test", "xdemo.test")
    assert [host for host in hosts if rules.holds(host)] == ["b.test", "x.demo.test", "y.x.demo.test"]


def test_an_answer_does_not_change_when_it_is_forgotten(monkeypatch):
    monkeypatch.setattr("wit_builder.crawl.scope._HOSTS_REMEMBERED", 1)
    rules = Scope(Crawl(SEED, hosts=("b.test",)))
    assert [rules.holds(host) for host in ("b.test", "c.test", "b.test")] == [True, False, True]


def test_an_excluded_address_names_its_pattern():
    refusal = Scope(Crawl(SEED, exclude=(r"/tag/", r"\?print"))).refusal("http://a.test/x?print=1")
    assert refusal is not None
    assert (refusal.reason, refusal.evidence) == ("excluded", r"matches '\\?print'")


def test_where_patterns_are_included_one_must_match():
    rules = Scope(Crawl(SEED, include=("/photos/", "/art/"), exclude=("/old/",)))
    urls = ("http://a.test/art/1", "http://a.test/photos/2", "http://a.test/3", "http://a.test/art/old/4")
    assert [rules.refusal(url) is None for url in urls] == [True, True, False, False]


def test_a_trap_is_refused_as_one():
    refusal = Scope(Crawl(SEED)).refusal("http://a.test/x/x/x/")
    assert refusal is not None and refusal.reason == "trap"
