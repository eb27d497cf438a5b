import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extract.pages import read as read_page
from tests.extract.pages import reasons, texts, urls
from wit_builder.extract.jsonld import MAX_DEPTH, MAX_IMAGES, MAX_TEXT, LinkedImage, read

IMAGE = {"@type": "ImageObject", "contentUrl": "a.jpg", "caption": "A cat"}
CAT = LinkedImage("a.jpg", (("json-ld", "A cat"),), "")


def script(data: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'


@pytest.mark.parametrize(
    "data",
    [
        IMAGE,
        [IMAGE],
        {"@graph": [{"@type": "WebPage"}, IMAGE]},
        {"@type": "Article", "image": IMAGE},
        {"@type": "Article", "image": [IMAGE]},
        {"@type": "Article", "image": {"url": "a.jpg", "caption": "A cat"}},
        {"@type": "Thing", "anything": {"deeper": [[IMAGE]]}},
        {**IMAGE, "@type": ["CreativeWork", "https://schema.org/ImageObject"]},
        {**IMAGE, "caption": {"@value": "A cat"}},
        {**IMAGE, "caption": ["A cat", "A dog"]},
        {"@type": "Photograph", "url": ["a.jpg"], "name": "A cat"},
        {**IMAGE, "caption": "A cat", "contentUrl": {"@id": "a.jpg"}},
    ],
)
def test_an_image_is_found_wherever_it_stands(data: Any) -> None:
    assert read(json.dumps(data)).images == [CAT]


def test_caption_description_and_name_are_all_texts() -> None:
    data = {**IMAGE, "name": "Tom &amp; co", "description": "It sleeps", "contentUrl": "a.jpg?x=1&amp;y=2"}
    [image] = read(json.dumps(data)).images
    assert [text for _, text in image.texts] == ["A cat", "It sleeps", "Tom & co"]
    assert image.url == "a.jpg?x=1&y=2"


def test_the_name_of_a_thing_is_a_weak_text_of_its_images() -> None:
    data = {
        "@type": "Product",
        "name": "Red shoe",
        "image": ["a.jpg", {"@type": "ImageObject", "url": "b.jpg"}],
    }
    assert [(image.url, image.texts) for image in read(json.dumps(data)).images] == [
        ("a.jpg", (("json-ld:about", "Red shoe"),)),
        ("b.jpg", (("json-ld:about", "Red shoe"),)),
    ]


@pytest.mark.parametrize(
    "data",
    [
        {"image": {"@id": "#primaryimage"}},
        {"@type": "ImageObject", "caption": "A cat"},
        {"@type": "WebPage", "url": "page.html", "thumbnailUrl": "t.jpg"},
        {"image": [None, 1, True, "", " "]},
        {"@type": 5, "image": {}},
        "image",
        None,
    ],
)
def test_what_names_no_image_is_none(data: Any) -> None:
    assert read(json.dumps(data)).images == []


def test_the_licence_of_an_image_is_its_own_and_any_other_that_of_the_page() -> None:
    data = {"license": {"@id": "p.html"}, "image": {**IMAGE, "license": "i.html"}}
    found = read(json.dumps(data))
    assert (found.licence, found.images[0].licence) == ("p.html", "i.html")


@pytest.mark.parametrize(
    "text",
    [
        '<!-- {"@type": "ImageObject", "url": "a.jpg", "caption": "A cat"} -->',
        '//<![CDATA[\n{"@type": "ImageObject", "url": "a.jpg", "caption": "A cat"}\n//]]>',
        '{"@type": "ImageObject", "url": "a.jpg", "caption": "A\ncat"};',
    ],
)
def test_json_as_people_write_it_is_read(text: str) -> None:
    assert [image.url for image in read(text).images] == ["a.jpg"]


@pytest.mark.parametrize(
    "text", ["", "{", '{"image": "a.jpg",}', "[" * 100_000, "x" * 10, "}{", '{"a":' * 9000]
)
def test_broken_json_is_no_json(text: str) -> None:
    assert read(text).images == []


def test_what_is_too_deep_too_long_or_too_much_is_left_alone() -> None:
    deep: Any = IMAGE
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert len(read(json.dumps(deep)).images) == 1
    assert (read(json.dumps(deep)).cut, read(json.dumps([deep])).cut) == (False, True)
    assert read(json.dumps([deep])).images == []


def test_a_long_script_is_not_read_and_of_many_images_the_first_are() -> None:
    padding = MAX_TEXT - len(json.dumps([IMAGE]))
    assert len(read(json.dumps([IMAGE]) + " " * padding).images) == 1
    assert read(json.dumps([IMAGE]) + " " * (padding + 1)).images == []
    assert read(json.dumps([IMAGE]) + " " * (padding + 1)).cut
    found = [read(json.dumps({"image": ["a"] * count})) for count in (MAX_IMAGES, MAX_IMAGES + 1)]
    assert [(len(data.images), data.cut) for data in found] == [(MAX_IMAGES, False), (MAX_IMAGES, True)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/g.jpg?w=1&region=eu&copy=2", "/g.jpg?w=1&region=eu&copy=2"),
        ("/g.jpg?w=1&amp;h=2", "/g.jpg?w=1&h=2"),
    ],
)
def test_only_whole_entities_are_read_in_json(written: str, meant: str) -> None:
    [image] = read(
        json.dumps({"@type": "ImageObject", "contentUrl": written, "caption": "R&D &#233;t&eacute;"})
    ).images
    assert (image.url, image.texts[0]) == (meant, ("json-ld", "R&D été"))


def test_half_a_million_brackets_are_read_in_no_time() -> None:
    started = time.process_time()
    read("[" * 500_000)
    read('{"a":[1,' * 60_000)
    assert time.process_time() - started < 0.5


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.sampled_from(["ImageObject", "a.jpg"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["@type", "image", "url", "caption", "license", "name"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_no_json_is_too_strange(data: Any) -> None:
    assert all(image.url and all(text for _, text in image.texts) for image in read(json.dumps(data)).images)


def test_what_json_ld_says_of_an_image_on_the_page_joins_that_image() -> None:
    html = script({"image": {**IMAGE, "contentUrl": "/dir/a.jpg"}}) + '<img src="a.jpg" alt="Tom">'
    assert texts(html) == [("alt", "Tom"), ("json-ld", "A cat")]


def test_an_image_that_only_json_ld_names_is_a_reference_of_its_own() -> None:
    assert urls(script(IMAGE) + '<img src="b.jpg" alt="A dog">' + script("x")) == ["a.jpg", "b.jpg"]
    assert reasons(script({"image": "a.jpg"})) == ["no_text"]


def test_the_type_of_the_script_may_be_written_in_capitals_and_other_scripts_are_not_read() -> None:
    assert urls(script(IMAGE).replace("application", "APPLICATION")) == ["a.jpg"]
    assert urls(script(IMAGE).replace("application/ld+json", "application/json")) == []


def test_the_licence_json_ld_gives_for_an_image_travels_with_it() -> None:
    html = '<a rel=license href="/page">x</a><img src=b.jpg alt=b>' + script({**IMAGE, "license": "/image"})
    assert [candidate.licence for candidate in read_page(html).candidates] == [
        "http://a.test/page",
        "http://a.test/image",
    ]
