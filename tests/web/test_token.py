"""A second name in the User-Agent: whatever is said to it is obeyed besides what is said to ours."""

import pytest

from tests.web.loopback import answer
from tests.web.visitor.visits import PNG, Crawl
from wit_builder.errors import FetchError
from wit_builder.web.client import user_agent
from wit_builder.web.robots import read_rules

ADDRESS = "http://a.test/robots.txt"


def rules(text: str):
    return read_rules(text.encode(), "wit-builder", ADDRESS, "MyLab")


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("User-agent: mylab\nDisallow: /", False),
        ("User-agent: wit-builder\nDisallow: /\n\nUser-agent: mylab\nAllow: /", False),
        ("User-agent: wit-builder\nAllow: /\n\nUser-agent: mylab\nDisallow: /", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: mylab\nAllow: /", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: wit-builder\nAllow: /", True),
        ("User-agent: mylabs\nDisallow: /", True),
        ("", True),
    ],
)
def test_only_what_both_names_may_is_allowed(text, allowed):
    assert rules(text).allow("http://a.test/x") is allowed


def test_the_rule_that_refused_the_second_name_is_named():
    found = rules("User-agent: mylab\nDisallow: /private")
    assert found.deciding("http://a.test/private/x") == "Disallow: /private"


@pytest.mark.parametrize(("ours", "theirs", "delay"), [(2, 5, 5.0), (5, 2, 5.0)])
def test_the_longer_crawl_delay_is_kept(ours, theirs, delay):
    text = f"User-agent: wit-builder\nCrawl-delay: {ours}\n\nUser-agent: mylab\nCrawl-delay: {theirs}"
    assert rules(text).crawl_delay == delay


def test_it_stands_in_the_user_agent_beside_ours():
    assert user_agent("https://a.test/", "MyLab").endswith(" (MyLab; +https://a.test/)")
    assert user_agent("", "MyLab").startswith("wit-builder/")


def fetched(token: str, header: str):
    pages = {"/a.png": answer(200, b"\x89PNG", Content_Type="image/png", X_Robots_Tag=header)}
    (got,) = Crawl(pages, token=token).visit("http://a.test/a.png", want="image").got
    return got.reason if isinstance(got, FetchError) else "had"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("mylab: noai", "opt_out_x_robots_tag"),
        ("wit-builder: noai", "opt_out_x_robots_tag"),
        ("noai", "opt_out_x_robots_tag"),
        ("other: noai", "had"),
    ],
)
def test_an_opt_out_that_is_said_to_either_name_is_honoured(header, reason):
    assert fetched("MyLab", header) == reason


def test_what_is_said_to_that_name_is_not_said_to_those_who_do_not_use_it():
    assert fetched("", "mylab: noai") == "had"


def test_robots_txt_is_asked_for_once_for_both_names():
    crawl = Crawl(
        {"/robots.txt": answer(200, b"User-agent: mylab\nDisallow: /b"), "/a": PNG, "/b": PNG}, token="MyLab"
    )
    crawl.visit("http://a.test/a", "http://a.test/b", want="image")
    assert [isinstance(got, FetchError) for got in crawl.got] == [False, True]
    assert sum(asked.endswith("/robots.txt") for asked in crawl.site.asked) == 1
