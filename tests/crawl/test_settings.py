import pytest

from wit_builder.crawl.settings import Crawl
from wit_builder.errors import ConfigError

SEEDS = ("http://a.test/",)


def test_a_crawl_needs_a_seed_or_a_sitemap():
    with pytest.raises(ConfigError, match="without seeds"):
        Crawl(())
    assert Crawl((), sitemap_urls=("http://a.test/sitemap.xml",)).seeds == ()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"seeds": ("ftp://a.test/",)}, "seed 'ftp://a.test/'"),
        ({"sitemap_urls": ("sitemap.xml",)}, "sitemap 'sitemap.xml'"),
        ({"include": ("(",)}, r"'\(' is no regular expression"),
        ({"exclude": ("[",)}, r"'\[' is no regular expression"),
        ({"hosts": ("http://b.test/",)}, "no pattern of hosts"),
        ({"hosts": ("b.*.test",)}, "no pattern of hosts"),
        ({"scope": "country"}, "one of host, domain, any"),
        ({"max_depth": -1}, "max_depth is -1, at least 0"),
        ({"max_pages_per_host": 0}, "at least 1"),
        ({"max_pages": 0}, "at least 1"),
        ({"concurrency": 0}, "at least 1"),
        ({"max_sitemaps_per_host": -1}, "at least 0"),
    ],
)
def test_what_cannot_be_crawled_is_refused_before_anything_starts(wrong, words):
    with pytest.raises(ConfigError, match=words):
        Crawl(**{"seeds": SEEDS} | wrong)


def test_the_least_values_are_taken():
    assert Crawl(
        SEEDS, max_depth=0, max_pages=1, max_pages_per_host=1, concurrency=1, hosts=("*", "*.b.test")
    )
