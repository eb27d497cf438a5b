import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extract.pages import read, texts
from wit_builder.errors import ConfigError
from wit_builder.extract.captions import MAX_TEXTS, TEXT_SOURCES, ranked
from wit_builder.extract.html import Extraction
from wit_builder.records import Text

RANK = {source: place for place, source in enumerate(TEXT_SOURCES)}


def test_styles_and_scripts_in_a_caption_are_no_text() -> None:
    caption = "<style>.c{color:red}</style>A <b>church</b> in<br>Antwerp<script>track()</script>"
    html = f"<figure><img src=a.jpg><figcaption>{caption}</figcaption></figure>"
    assert texts(html) == [("figcaption", "A church in Antwerp")]


def test_every_text_of_an_image_is_found_and_alt_leads() -> None:
    html = """<p id=l>Labelled <b>by this</b></p><figure><a href=full.jpg title="Box"><img src=a.jpg title=Title
      aria-labelledby="l nowhere" aria-label=Label data-caption="Data" alt=" Alt\n text "></a>
      <figcaption>Caption<br>of two lines</figcaption></figure>"""
    assert texts(html) == [
        ("alt", "Alt text"),
        ("figcaption", "Caption of two lines"),
        ("aria-label", "Label"),
        ("aria-labelledby", "Labelled by this"),
        ("title", "Title"),
        ("data-caption", "Data"),
        ("link-title", "Box"),
    ]


@pytest.mark.parametrize("weak", ["IMG_1234.jpg", "DSC00042", "12:30", "..."])
def test_a_name_of_a_file_or_a_text_without_a_letter_comes_last(weak: str) -> None:
    assert texts(f'<img src=a.jpg alt="{weak}" title="A cat">') == [("title", "A cat"), ("alt", weak)]


def test_a_weak_text_is_the_caption_where_there_is_no_other() -> None:
    assert texts('<img src=a.jpg alt="IMG_1234.jpg">') == [("alt", "IMG_1234.jpg")]


def test_equal_texts_count_once_under_their_strongest_source() -> None:
    assert texts('<img src=a.jpg title="A cat" aria-label=" A  cat" alt="A cat">') == [("alt", "A cat")]


def test_a_text_found_again_in_a_stronger_place_counts_there() -> None:
    html = '<figure><img src=a.jpg title="A cat"><figcaption>A cat</figcaption></figure>'
    assert texts(html) == [("figcaption", "A cat")]


def test_the_title_of_a_link_is_a_text_only_where_the_link_leads_to_the_image() -> None:
    assert texts('<a href=b.html title="Home"><img src=a.jpg alt="A cat"></a>') == [("alt", "A cat")]


@pytest.mark.parametrize(
    "html",
    [
        "<figure><img src=a.jpg><figcaption>A cat</figcaption></figure>",
        "<figure><img src=a.jpg><figcaption>A cat</figcaption><figcaption>A dog</figcaption></figure>",
        "<figure><figcaption>A cat</figcaption><div><p><img src=a.jpg></p></div></figure>",
        "<figure><figure><img src=a.jpg></figure><figcaption><p>A</p><p>cat</p></figcaption></figure>",
        "<figure><figure><img src=a.jpg><figcaption>A cat</figcaption></figure><figcaption>All</figcaption></figure>",
        "<div><img src=a.jpg><figcaption>A cat</figcaption></div>",
        "<div class=wp-caption><a href=x><img src=a.jpg></a><p class=wp-caption-text>A cat</p></div>",
    ],
)
def test_the_caption_is_that_of_the_nearest_figure_with_one(html: str) -> None:
    assert texts(html) == [("figcaption", "A cat")]


def test_inline_elements_put_no_space_into_a_caption() -> None:
    html = "<figure><img src=a.jpg><figcaption>H<sub>2</sub>O (<i>water</i>)</figcaption></figure>"
    assert texts(html) == [("figcaption", "H2O (water)")]


def test_a_caption_belongs_to_every_image_of_its_figure_and_to_none_outside() -> None:
    figure = "<figure><img src=a.jpg><img src=b.jpg><figcaption>Cats</figcaption></figure>"
    html = f"<img src=o.jpg>{figure}<img src=p.jpg>"
    assert [candidate.caption for candidate in read(html).candidates] == ["Cats", "Cats"]
    assert [loss.reason for loss in read(html).losses] == ["no_text", "no_text"]


def test_a_recipe_says_which_texts_are_read_and_which_is_strongest() -> None:
    settings = Extraction(sources=("title", "alt"))
    [candidate] = read("<img src=a.jpg alt=Alt title=Title aria-label=Label>", settings).candidates
    assert (candidate.caption, candidate.alt_texts) == ("Title", (Text("Alt", "alt"),))


def test_a_source_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="longdesc"):
        Extraction(sources=("alt", "longdesc"))


def test_no_more_than_sixteen_texts_travel_with_an_image() -> None:
    assert len(ranked([("alt", f"cat {n}") for n in range(MAX_TEXTS + 1)], RANK)) == MAX_TEXTS


@given(st.lists(st.tuples(st.sampled_from(TEXT_SOURCES), st.text("aé 1.\u200b", max_size=3))))
def test_texts_are_different_and_never_empty(found: list[tuple[str, str]]) -> None:
    chosen = [text.text for text in ranked(found, RANK)]
    assert all(chosen)
    assert len(set(chosen)) == len(chosen)
