import time

import pytest

from tests.extract.pages import urls
from wit_builder.extract.address import FULL_SIZE, LAZY_SRC, LAZY_SRCSET, is_placeholder, leads_to_image

BLANK = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


def test_src_serves_where_there_is_nothing_better() -> None:
    assert urls('<img src="a.jpg" alt="A cat">') == ["a.jpg"]


@pytest.mark.parametrize(
    ("srcset", "picked"),
    [
        ("s.jpg 300w, m.jpg 600w, l.jpg 2000w", "m.jpg"),
        ("s.jpg 300w, m.jpg 500w", "m.jpg"),
        ("x.jpg 1.5x, xx.jpg 2x, xxx.jpg 3x", "xx.jpg"),
        ("xxx.jpg 3x", "a.jpg"),
        (f"{BLANK} 600w", "a.jpg"),
        ("logo.svg 1x", "a.jpg"),
        ("", "a.jpg"),
    ],
)
def test_srcset_offers_better_than_src(srcset: str, picked: str) -> None:
    assert urls(f'<img src="a.jpg" srcset="{srcset}" alt="A cat">') == [picked]


@pytest.mark.parametrize("name", LAZY_SRC)
@pytest.mark.parametrize("src", [BLANK, "/img/blank.gif", "", "tiny-blurred.jpg"])
def test_a_lazily_loaded_image_is_found(name: str, src: str) -> None:
    assert urls(f'<img src="{src}" {name}="real.jpg" alt="A cat">') == ["real.jpg"]


@pytest.mark.parametrize("name", LAZY_SRCSET)
def test_a_lazily_loaded_srcset_is_found(name: str) -> None:
    html = f'<img src="{BLANK}" {name}="s.jpg 300w, m.jpg 600w" data-src="s.jpg" alt="A cat">'
    assert urls(html) == ["m.jpg"]


@pytest.mark.parametrize("name", FULL_SIZE)
def test_an_attribute_that_names_the_full_size_beats_small_offers(name: str) -> None:
    assert urls(f'<img src="s.jpg" srcset="m.jpg 400w" {name}="full.jpg" alt="A cat">') == ["full.jpg"]
    assert urls(f'<img src="s.jpg" srcset="m.jpg 600w" {name}="full.jpg" alt="A cat">') == ["m.jpg"]


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            "true",
            "{{ image }}",
            "//cdn.test/a_{width}x.jpg",
            '{"a": "b.jpg"}',
            " [1]/a.jpg",
            BLANK,
            "1x1.png",
        ),
        *("1.5", "and/or", "Photo by J. Smith", "A. B/C. No address"),
    ],
)
def test_a_lazy_attribute_that_holds_no_address_yields_to_src(value: str) -> None:
    assert urls(f"<img src=a.jpg data-src='{value}' alt='A cat'>") == ["a.jpg"]


@pytest.mark.parametrize(
    "value",
    ["/a/b", "./b", "//cdn.test/b", "my photo.jpg", "img?id=3/4", "a/b.php?id=3", " HTTP://b.test/c "],
)
def test_a_lazy_attribute_that_may_hold_an_address_goes_before_src(value: str) -> None:
    assert urls(f"<img src=a.jpg data-src='{value}' alt='A cat'>") != ["a.jpg"]


@pytest.mark.parametrize("name", ["white.jpg", "gr/x.png", "clear-big.jpg", "s.jpg"])
@pytest.mark.parametrize("src", [BLANK, "blank.gif", ""])
def test_a_lazy_image_with_the_name_of_a_placeholder_serves_where_src_is_one(name: str, src: str) -> None:
    assert urls(f'<img src="{src}" data-src="{name}" alt="A chair">') == [name]
    assert urls(f'<img src="{src}" data-src="{name}" data-original="real.jpg" alt="A chair">') == ["real.jpg"]


def test_a_lazy_address_beats_a_small_blurred_offer_but_not_one_large_enough() -> None:
    lazy = 'data-srcset="real.jpg" alt="A cat"'
    assert urls(f'<img src="a.jpg" srcset="tiny.jpg 30w" {lazy}>') == ["real.jpg"]
    assert urls(f'<img src="a.jpg" srcset="large.jpg 700w" {lazy}>') == ["large.jpg"]


@pytest.mark.parametrize(
    ("sources", "picked"),
    [
        ('<source srcset="m.webp 600w, l.webp 1200w" type="image/webp">', "m.webp"),
        ('<source srcset="m.jxl 600w" type="image/jxl">', "a.jpg"),
        ('<source srcset="m.svg" type="image/svg+xml">', "a.jpg"),
        ('<source srcset="wide.jpg" media="(min-width: 800px)">', "a.jpg"),
        ('<source data-srcset="m.jpg 600w" srcset="tiny.jpg 20w">', "m.jpg"),
        ('<source srcset="s.jpg 200w"><source srcset="m.jpg 520w">', "m.jpg"),
    ],
)
def test_the_sources_of_a_picture_count_by_their_widths(sources: str, picked: str) -> None:
    assert urls(f'<picture>{sources}<img src="a.jpg" alt="A cat"></picture>') == [picked]


def test_a_source_without_a_width_serves_where_src_is_a_placeholder() -> None:
    html = f'<picture><source srcset="wide.jpg"><img src="{BLANK}" alt="A cat"></picture>'
    assert urls(html) == ["wide.jpg"]


def test_a_placeholder_is_no_offer_however_sharp_the_others_are() -> None:
    assert urls('<img src="blank.gif" srcset="xxx.jpg 3x" alt="A cat">') == ["xxx.jpg"]


def test_the_sources_of_a_video_are_no_images() -> None:
    html = (
        '<video poster="p.jpg"><source srcset="v.jpg 600w" src="v.mp4"><img src="a.jpg" alt="A cat"></video>'
    )
    assert urls(html) == ["a.jpg"]


@pytest.mark.parametrize(
    ("inside", "picked"),
    [
        ('<img src="s.jpg" alt="A cat">', "full.jpg"),
        ('<span><b><img src="s.jpg" alt="A cat"></b></span>', "full.jpg"),
        ('<img src="s.jpg" srcset="s.jpg 150w, t.jpg 300w" alt="A cat">', "full.jpg"),
        ('<img src="s.jpg" srcset="m.jpg 512w" alt="A cat">', "m.jpg"),
    ],
)
def test_a_link_to_the_full_size_wins_unless_an_offer_is_large_enough(inside: str, picked: str) -> None:
    assert urls(f'<a href="full.jpg">{inside}</a>') == [picked]


@pytest.mark.parametrize(
    "href", ["a.jpg", "/b/C.JPEG?x=1:2", "http://b.test:8000/a.webp#x", "cat.PNG ", "wiki.gif"]
)
def test_a_link_with_the_extension_of_an_image_leads_to_one(href: str) -> None:
    assert leads_to_image(href)


@pytest.mark.parametrize(
    "href",
    [
        "a.html",
        "/jpg",
        "a.jpg.html",
        "/?file=a.jpg",
        "/wiki/File:Cat.jpg",
        "/w/Datei:Katze.jpg",
        "https://github.com/a/b/blob/main/cat.png",
        "http://1.bp.blogspot.com/x/s1600-h/cat.jpg",
        "a.svg",
        "a.tiff",
        "a" * 5000 + ".jpg",
    ],
)
def test_other_links_lead_to_pages(href: str) -> None:
    assert not leads_to_image(href)


def test_a_link_to_a_page_leaves_the_image_alone() -> None:
    assert urls('<a href="/wiki/File:Cat.jpg"><img src="a.jpg" alt="A cat"></a>') == ["a.jpg"]


@pytest.mark.parametrize(
    "src",
    [
        "",
        BLANK,
        " DATA:,x",
        "about:blank",
        "/img/",
        "blank.gif",
        "/a/Transparent_1x1.PNG?v=1",
        "lazy-placeholder-300x200.jpg",
        "x.gif",
    ],
)
def test_placeholders_are_known(src: str) -> None:
    assert is_placeholder(src)


@pytest.mark.parametrize(
    "src",
    [
        "1.jpg",
        "image1.jpg",
        "lazy-dog.jpg",
        "gray-cat.png",
        "clear-sky-over-town.jpg",
        "default.jpg",
        "blank",
    ],
)
def test_images_are_no_placeholders(src: str) -> None:
    assert not is_placeholder(src)


@pytest.mark.parametrize("unit", ["1", "blank", "a.", ".jpg", "-_", "data:", ".", " ", ":", "{"])
def test_addresses_of_a_megabyte_are_looked_at_in_no_time(unit: str) -> None:
    address = unit * (1_000_000 // len(unit))
    started = time.process_time()
    assert (is_placeholder(address), leads_to_image(address)) is not None
    assert urls(f'<img data-src="{address}" src="a.jpg" alt="A cat">') == ["a.jpg"]
    assert urls(f'<img data-src="{address}{{" src="a.jpg" alt="A cat">') == ["a.jpg"]
    assert time.process_time() - started < 1


def test_many_links_full_of_colons_are_looked_at_in_no_time() -> None:
    link = f'<a href="{":" * 4080}/a.jpg"><img src=a.jpg alt=x></a>'
    started = time.process_time()
    assert len(urls(link * 1_000)) == 1_000
    assert time.process_time() - started < 2


def test_where_the_best_address_is_none_the_next_one_serves() -> None:
    assert urls('<img src="a.jpg" data-src="http://[bad/x.jpg" alt="A cat">') == ["a.jpg"]
