"""The web as a whole: what links reach is what the truth lists, at every size."""

import re
from html import unescape
from itertools import islice
from urllib.parse import urljoin

import pytest

from wit_builder.demo_web.settings import START
from wit_builder.demo_web.web import Web

HREF = re.compile(r'<a [^>]*?href="([^"]*)"')


def links(demo, url):
    body = demo.answer(url).body.decode("utf-8", "replace")
    return [urljoin(url, unescape(href)) for href in HREF.findall(body)]


def reached(demo):
    """All addresses of demo.test that links lead to, with their depth."""
    depth = dict.fromkeys(demo.seeds, 0)
    queue = list(demo.seeds)
    for url in queue:
        for link in links(demo, url):
            if ".demo.test/" in link and link not in depth:
                depth[link] = depth[url] + 1
                queue.append(link)
    return depth


def pages(demo, **more):
    return [item for item in demo.truth(**more) if item.kind == "page"]


def test_links_reach_exactly_the_pages_of_the_truth():
    demo = Web(60, exhibits=False)
    assert sorted(reached(demo)) == sorted(page.url for page in pages(demo))


@pytest.mark.parametrize(
    ("number", "levels"), [(10, 2), (1000, 2), (1001, 3), (40_000, 3), (40_001, 4), (1_000_000, 4)]
)
def test_the_depth_grows_slowly(number, levels):
    assert Web(number, exhibits=False).depth == levels


def test_a_web_of_1001_pages_is_as_deep_as_it_says():
    demo = Web(1001, exhibits=False)
    depth = reached(demo)
    assert max(depth.values()) == demo.depth
    assert len(depth) == len(pages(demo))


def test_no_page_of_a_million_links_to_more_than_fifty():
    demo = Web(1_000_000)
    some = [page.url for page in islice(pages_of(demo), 0, 1500, 7)]
    assert max(len(links(demo, url)) for url in some) <= 50


def pages_of(demo):
    return (item for item in demo.settled() if item.kind == "page" and item.reason is None)


def test_the_truth_of_a_million_pages_streams():
    demo = Web(1_000_000, exhibits=False)
    assert len(list(islice(demo.settled(), 45_000))) == 45_000


def test_the_same_seed_gives_the_same_answers_and_another_one_gives_others():
    url = Web(60).content.figures(3)[0].pair.url
    assert Web(60).answer(url) == Web(60).answer(url)
    assert Web(60, 1).answer(START) == Web(60, 1).answer(START)
    assert Web(60).truth() == Web(60).truth() != Web(60, 1).truth()


@pytest.mark.parametrize("number", [9, 1_000_001])
def test_a_size_out_of_range_is_refused(number):
    with pytest.raises(ValueError, match=f"pages is {number}"):
        Web(number)


def test_a_depth_that_would_cut_pages_off_is_refused():
    demo = Web(10)
    assert demo.truth(demo.depth)
    with pytest.raises(ValueError, match="cuts pages off"):
        demo.truth(demo.depth - 1)


def test_names_that_lead_nowhere_are_routed_before_all_others():
    routes = Web(10).connect_to(8000)
    assert list(routes)[-1] == "*.demo.test"
    assert (routes["*.demo.test"], routes["gone.demo.test"]) == ("127.0.0.1:8000", None)
    assert not routes["private.demo.test"].startswith("127.")


def test_without_exhibits_there_is_no_museum_and_no_second_seed():
    demo = Web(10, exhibits=False)
    assert demo.seeds == (START,)
    assert demo.answer("http://habits.demo.test/title.html").status == 404
    assert len(pages(demo)) == 10 + 1 + 1  # content, one index page, start


def test_sitemap_pages_are_expected_only_where_sitemaps_are_read():
    demo = Web(10)
    more = {p.url for p in pages(demo)} - {p.url for p in pages(demo, sitemaps=False)}
    assert len(more) == 5
    assert all(demo.answer(url).status == 200 for url in more)


def test_some_hosts_have_robots_rules_and_some_have_none():
    demo = Web(300)
    hosts = {demo.content.host(block) for block in range(demo.content.blocks)}
    assert {demo.answer(f"http://{host}/robots.txt").status for host in hosts} == {200, 404}


@pytest.mark.parametrize("path", ["0/99.html", "1/0.html", "x.html"])
def test_index_pages_that_are_not_listed_are_not_there(path):
    assert Web(60).answer(f"http://dir-3.demo.test/{path}").status == 404
