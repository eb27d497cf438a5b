import pytest

from tests.extract.pages import read, reasons, texts, urls
from wit_builder.extract.html import Extraction
from wit_builder.web.client import AGENT
from wit_builder.web.settings import OptOut

IMAGE = '<img src="a.jpg" alt="A cat"><img src="b.jpg"><a href="c.html">c</a>'


def robots(content: str, name: str = "robots") -> str:
    return f'<meta name="{name}" content="{content}">'


@pytest.mark.parametrize(
    ("head", "reason", "evidence"),
    [
        (robots("noai"), "opt_out_meta_robots", "meta robots: noai"),
        (robots("index, NOIMAGEAI", "Robots"), "opt_out_meta_robots", "meta robots: noimageai"),
        (robots("noimageindex", AGENT), "opt_out_meta_robots", "meta robots: noimageindex"),
        (robots("index") + robots("noml"), "opt_out_meta_robots", "meta robots: noml"),
        (robots("1", "tdm-reservation"), "opt_out_tdmrep", "tdm-reservation: 1 (meta)"),
        (
            robots("0", "tdm-reservation") * 2 + robots("1", "TDM-Reservation"),
            "opt_out_tdmrep",
            "tdm-reservation: 1 (meta)",
        ),
    ],
)
def test_a_page_that_opts_out_keeps_all_its_images(head: str, reason: str, evidence: str) -> None:
    page = read(head + IMAGE)
    assert page.candidates == []
    assert [(loss.reason, loss.evidence) for loss in page.losses] == [(reason, evidence)] * 2


@pytest.mark.parametrize(
    "head",
    [
        robots("index, follow, max-image-preview:large"),
        robots("nofollow"),
        robots("noai", "googlebot"),
        robots("0", "tdm-reservation"),
        robots("noai", "description"),
        '<meta property="robots" content="noai">',
        "<meta name=robots>",
    ],
)
def test_what_is_no_opt_out_or_meant_for_others_keeps_nothing(head: str) -> None:
    assert len(read(head + IMAGE).candidates) == 1


def test_the_directives_of_the_header_count_for_the_images_too() -> None:
    page = read(robots("noml") + IMAGE, directives=frozenset({"noindex"}))
    assert {(loss.reason, loss.evidence) for loss in page.losses} == {
        ("opt_out_x_robots_tag", "X-Robots-Tag of the page: noindex")
    }


def test_a_reservation_in_the_header_counts_unless_the_meta_tag_takes_it_back() -> None:
    assert [loss.reason for loss in read(IMAGE, tdm_header="1").losses] == ["opt_out_tdmrep"] * 2
    assert len(read(robots("0", "tdm-reservation") + IMAGE, tdm_header="1").candidates) == 1


def test_a_policy_may_let_directives_and_reservations_pass() -> None:
    settings = Extraction(optout=OptOut(directives=("noai",), tdmrep=False))
    page = read(robots("noindex") + robots("1", "tdm-reservation") + IMAGE, settings)
    assert len(page.candidates) == 1


def test_the_agent_of_meta_tags_is_the_one_robots_know_us_by() -> None:
    assert Extraction().agent == AGENT


def test_a_long_list_of_directives_is_read_to_its_end() -> None:
    assert reasons(robots("follow, " * 5_000 + "noai") + IMAGE) == ["opt_out_meta_robots"] * 2


@pytest.mark.parametrize(("content", "links"), [("nofollow", 0), ("none", 0), ("follow", 1), ("noindex", 1)])
def test_nofollow_leaves_the_links_alone_and_noindex_does_not(content: str, links: int) -> None:
    page = read(robots(content) + IMAGE)
    assert (len(page.links), page.nofollow) == (links, links == 0)


def test_nofollow_in_the_header_leaves_the_links_alone_and_takes_the_images() -> None:
    page = read(IMAGE, directives=frozenset({"nofollow"}))
    assert (page.links, page.nofollow, len(page.candidates)) == ([], True, 1)


def og(name: str, content: str) -> str:
    return f'<meta property="{name}" content="{content}">'


@pytest.mark.parametrize("name", ["og:image", "twitter:image", "twitter:image:src", "og:image:url"])
def test_an_image_for_sharing_is_a_reference_with_its_alt(name: str) -> None:
    family = ":".join(name.split(":")[:2])
    assert texts(og(name, "a.jpg") + og(f"{family}:alt", "A cat")) == [(f"{family}:alt", "A cat")]
    assert texts(og(name, "a.jpg").replace("property", "name") + og(f"{family}:alt", "A cat"))


def test_each_alt_belongs_to_the_image_before_it_or_to_the_first() -> None:
    html = (
        og("og:image:alt", "A") + og("og:image", "a.jpg") + og("og:image", "b.jpg") + og("og:image:alt", "B")
    )
    assert [(one.url[-5:], one.caption) for one in read(html).candidates] == [("a.jpg", "A"), ("b.jpg", "B")]


def test_the_secure_address_of_an_image_for_sharing_is_no_second_image() -> None:
    html = (
        og("og:image", "a.jpg")
        + og("og:image:secure_url", "https://a.test/a.jpg")
        + og("og:image:alt", "A cat")
    )
    assert urls(html) == ["a.jpg"]


def test_what_is_said_of_an_image_on_the_page_joins_that_image() -> None:
    html = og("og:image", "/dir/a.jpg") + og("og:image:alt", "Shared") + og("twitter:image", "a.jpg")
    html += og("twitter:image:alt", "Tweeted") + '<img src="a.jpg" alt="A cat">'
    assert texts(html) == [("alt", "A cat"), ("og:image:alt", "Shared"), ("twitter:image:alt", "Tweeted")]


def test_an_image_for_sharing_without_a_text_is_lost_for_that() -> None:
    [loss] = read(og("og:image", "a.jpg") + og("og:image:width", "600")).losses
    assert (loss.reason, loss.evidence) == ("no_text", "og:image")
