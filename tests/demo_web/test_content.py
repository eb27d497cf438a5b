"""Content pages: functions of their number, whatever the size of the web."""

import time

import pytest

from wit_builder.demo_web.captions import UNWANTED, WANTED
from wit_builder.demo_web.content import BLOCK, MAX_HOSTS, Content
from wit_builder.demo_web.expected import settle
from wit_builder.demo_web.markup import content_page, figure_html

SMALL, LARGE = Content(300, 0), Content(1_000_000, 0)


def figures(content, *pages):
    return [figure for i in pages for figure in content.figures(i)]


def test_a_page_does_not_depend_on_how_many_there_are():
    captions = [[figure.pair.caption for figure in content.figures(60)] for content in (SMALL, LARGE)]
    assert captions[0] == captions[1]


def test_another_seed_gives_another_page():
    assert content_page(SMALL, 7, "http://up.test/") != content_page(Content(300, 1), 7, "http://up.test/")


def test_the_last_page_of_a_million_takes_no_longer_than_the_first():
    began = time.process_time()
    for i in range(999_800, 1_000_000):
        content_page(LARGE, i, "http://up.test/")
    assert time.process_time() - began < 200 * 0.003  # measured: 0.13 ms each; a loaded machine needs room


@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_every_page_is_found_again_by_its_address(content):
    for i in (0, 1, BLOCK, content.pages - 1):
        assert content.page_at(content.url(i)) == i


def test_addresses_of_no_page_are_none():
    other_host = SMALL.url(0).replace(SMALL.host(0), SMALL.host(1))
    for url in (
        "http://a.demo.test/",
        SMALL.url(0) + "x",
        other_host,
        LARGE.url(300),
        "http://a.test/en/x.html",
    ):
        assert SMALL.page_at(url) is None


def test_every_picture_is_found_again_by_its_address():
    for figure in figures(SMALL, *range(2 * BLOCK)):
        found = SMALL.figure_at(figure.pair.url)
        assert found is not None
        assert found.picture == figure.picture


def test_addresses_of_no_picture_are_none():
    there = SMALL.figures(0)[0].pair.url
    for url in (there.replace("/0/0.", "/0/7."), there.replace("/0/0.", "/300/0."), "http://a.test/x.jpg"):
        assert SMALL.figure_at(url) is None


def test_pages_have_three_pictures_of_their_own_on_average_and_one_more_at_most():
    own = [
        len([f for f in SMALL.figures(i) if f.pair.look == f"{i}/{n}"]) for i in range(300) for n in range(4)
    ]
    assert 2.8 < sum(own) / 300 < 3.2
    assert max(len(SMALL.figures(i)) for i in range(300)) <= 5


def test_all_languages_come_and_captions_of_the_unwanted_one_are_dropped():
    assert {SMALL.lang(i) for i in range(300)} == {*WANTED, UNWANTED}
    unwanted = next(i for i in range(300) if SMALL.lang(i) == UNWANTED and i % BLOCK in (1, 3, 5, 9, 11, 15))
    assert {f.pair.lost for f in SMALL.figures(unwanted)} == {("select", "language_unwanted")}


@pytest.mark.parametrize(
    ("place", "transform", "reason"),
    [(6, "resized", "near_duplicate"), (12, "mirrored", None), (13, "cropped", None)],
)
def test_copies_meet_their_fate_whenever_both_pages_are_wanted(place, transform, reason):
    for block in range(SMALL.blocks):
        fates = settle([f.pair for f in figures(SMALL, *SMALL.in_block(block))])
        (copy,) = [fate for fate in fates if fate.transform == transform]
        back = 3
        langs = {SMALL.lang(block * BLOCK + place), SMALL.lang(block * BLOCK + place - back)}
        if UNWANTED not in langs:
            assert copy.reason == reason


def test_every_block_has_a_dead_link_a_small_picture_and_a_redirect():
    for block in range(SMALL.blocks):
        found = figures(SMALL, *SMALL.in_block(block))
        assert [f for f in found if f.picture is None]
        assert [f for f in found if f.picture and f.picture.transform == "small"]
        assert [f for f in found if f.moved_to]


def test_no_host_has_more_than_four_dead_links():
    blocks = range(0, LARGE.blocks, MAX_HOSTS)
    assert len({LARGE.host(block) for block in blocks}) == 1
    dead = [f for block in blocks for f in LARGE.figures(block * BLOCK + 10) if f.picture is None]
    assert len(dead) == 4


def test_each_way_of_writing_a_reference_comes():
    written = "".join(figure_html(figure) for figure in figures(SMALL, *range(50)))
    assert all(mark in written for mark in ("<figcaption>", "data-src=", "width="))
