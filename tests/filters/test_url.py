import pytest

from tests.filters.items import Addressed
from wit_builder.errors import ConfigError
from wit_filters import UrlExtension, UrlIcon


@pytest.mark.parametrize(
    ("url", "evidence"),
    [
        ("http://a.test/logo.svg", "svg"),
        ("http://a.test/LOGO.SVG?v=2#top", "svg"),
        ("http://a.test/logo.svg;v=2", "svg"),
        ("http://a.test/favicon.ico", "ico"),
    ],
)
def test_an_extension_of_no_photograph_is_dropped(url: str, evidence: str) -> None:
    verdict = UrlExtension()(Addressed(url))
    assert (verdict.reason, verdict.evidence) == ("url_extension", evidence)


@pytest.mark.parametrize(
    "url",
    [
        "http://a.test/boat.jpg",
        "http://a.test/map.svg.png",
        "http://a.test/image?url=logo.svg",
        "http://a.test/files.svg/boat",
        "http://a.svg/boat",
        "http://a.test/svg",
        "http://a.test/",
        "http://a.test",
        "",
    ],
)
def test_only_the_end_of_the_path_is_an_extension(url: str) -> None:
    assert UrlExtension()(Addressed(url)).kept


def test_other_extensions_can_be_asked_for() -> None:
    assert UrlExtension(dropped=("gif",))(Addressed("http://a.test/a.gif")).reason == "url_extension"
    assert UrlExtension(dropped=())(Addressed("http://a.test/a.svg")).kept


@pytest.mark.parametrize(
    "path",
    [
        "spacer.gif",
        "img/1x1.gif",
        "pixel-1x1.png",
        "PIXEL.GIF?id=7",
        "icon-32x32.png",
        "icon114.png",
        "sprite@2x.png",
        "blank_16px.png",
        "favicons/boat.png",
        "wp/smilies/frown.png",
        "loading.gif",
    ],
)
def test_an_address_of_decoration_is_dropped(path: str) -> None:
    assert UrlIcon()(Addressed(f"http://a.test/{path}")).reason == "url_icon"


@pytest.mark.parametrize(
    "path",
    [
        "google-pixel-7.jpg",
        "icon-of-st-nicholas.jpg",
        "pixelart.png",
        "blanket.jpg",
        "sprite-can.jpg",
        "icons/nicholas.jpg",
        "photos/spacer-tower.jpg",
        "iconic.jpg",
        "12.jpg",
        "2x.jpg",
        "1024x768.jpg",
        "smiley.jpg/large",
        "boat.jpg?ref=spacer.gif",
        "",
    ],
)
def test_one_such_word_among_others_says_nothing(path: str) -> None:
    assert UrlIcon()(Addressed(f"http://pixel.test/{path}")).kept


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"dropped": (".svg",)}, "UrlExtension.dropped holds '.svg'"),
        ({"dropped": ["svg"]}, "UrlExtension.dropped is ['svg']"),
    ],
)
def test_an_extension_is_written_without_its_dot(wrong: dict[str, tuple[str]], named: str) -> None:
    with pytest.raises(ConfigError) as refused:
        UrlExtension(**wrong)
    assert str(refused.value).startswith(named)


@pytest.mark.parametrize("field", ["names", "folders"])
def test_a_word_that_could_never_match_is_refused_by_name(field: str) -> None:
    with pytest.raises(ConfigError, match=rf"^UrlIcon\.{field} holds 'Icon'"):
        UrlIcon(**{field: ("Icon",)})
