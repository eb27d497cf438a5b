"""What a Recipe refuses, on both sides of each boundary."""

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pytest

from wit_builder.crawl.settings import Crawl
from wit_builder.curation.settings import Balance
from wit_builder.errors import ConfigError
from wit_builder.filtering import KEPT, Verdict
from wit_builder.images.picture import ImageSpec
from wit_builder.queries.settings import Queries
from wit_builder.recipe import Recipe
from wit_builder.records import Candidate, HasCaption, HasImage, HasUrl, Sample
from wit_builder.shards.writer import ShardSpec
from wit_builder.web.settings import OptOut, Politeness, WebSettings


def recipe(**fields):
    return Recipe(**({"name": "x", "source": Crawl(seeds=("http://a.test/",))} | fields))


def test_a_recipe_needs_a_name_and_a_source_only():
    made = recipe()
    assert (made.candidate_filters, made.demo_web, made.shards) == ((), None, ShardSpec())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": 3}, r"Recipe\.name is 3, expected str"),
        (
            {"source": "http://a.test/"},
            r"Recipe\.source is 'http://a.test/', expected Crawl or Archives or UrlList",
        ),
        ({"web": None}, r"Recipe\.web is None, expected WebSettings"),
        ({"demo_web": 3}, r"Recipe\.demo_web is 3, expected DemoWeb or None"),
        ({"sample_filters": []}, r"Recipe\.sample_filters is \[\], expected a tuple: \(a, b\), or \(a,\)"),
        ({"web": WebSettings(contact=None)}, r"Recipe\.web\.contact is None, expected str"),
        (
            {"web": WebSettings(allow_network="127.0.0.0/8")},
            r"Recipe\.web\.allow_network .* expected a tuple",
        ),
        ({"web": WebSettings(allow_network=(1,))}, r"Recipe\.web\.allow_network is \(1,\), expected a tuple"),
        (
            {"web": WebSettings(politeness=Politeness(retries="3"))},
            r"Recipe\.web\.politeness\.retries is '3'.* int",
        ),
        ({"web": WebSettings(politeness=Politeness(retries=True))}, r"retries is True, expected int"),
        ({"web": WebSettings(politeness=Politeness(retries=1.5))}, r"retries is 1\.5, expected int"),
        ({"web": WebSettings(deadline_s="9")}, r"Recipe\.web\.deadline_s is '9', expected float"),
        ({"web": WebSettings(optout=OptOut(tdmrep=1))}, r"Recipe\.web\.optout\.tdmrep is 1, expected bool"),
        ({"source": "x" * 1000}, r"Recipe\.source is 'x{96}\.\.\., expected Crawl or Archives or UrlList"),
    ],
)
def test_a_value_of_another_type_is_named_with_what_was_due(fields, message):
    with pytest.raises(ConfigError, match=message):
        recipe(**fields)


def test_whole_numbers_are_numbers_and_choices_are_choices():
    assert recipe(web=WebSettings(deadline_s=9)).web.deadline_s == 9
    assert recipe(image=ImageSpec(mode="border")).image.mode == "border"


@dataclass(frozen=True)
class Loose(WebSettings):
    """Settings with types of other kinds."""

    table: dict[str, int] = field(default_factory=dict)
    anything: Any = None


def test_types_of_other_kinds_are_checked_as_far_as_they_can_be():
    assert recipe(web=Loose(table={"a": 1}, anything=object())).web.table == {"a": 1}
    with pytest.raises(ConfigError, match=r"Recipe\.web\.table is 3, expected dict\[str, int\]"):
        recipe(web=Loose(table=3))


def test_a_choice_that_is_none_is_refused():
    @dataclass(frozen=True, slots=True)
    class Unchecked(ImageSpec):
        def __post_init__(self):
            pass

    with pytest.raises(ConfigError, match=r"Recipe\.image\.mode is 'bordr', expected one of 'keep_ratio', "):
        recipe(image=Unchecked(mode="bordr"))


@pytest.mark.parametrize("name", ["x", "birds of the sea", "Vögel", "x" * 100])
def test_a_name_is_one_line(name):
    assert recipe(name=name).name == name


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\x1b[2J", "x" * 101])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ConfigError, match=r"Recipe\.name is "):
        recipe(name=name)


@pytest.mark.parametrize("contact", ["", "me@example.org", "https://example.org/bot", "x" * 200])
def test_a_contact_stands_in_a_header(contact):
    assert recipe(web=WebSettings(contact=contact)).web.contact == contact


@pytest.mark.parametrize("contact", ["a\r\nX-Evil: 1", "a\0", "a\tb", "mé@example.org", "x" * 201])
def test_a_contact_that_cannot_is_refused(contact):
    with pytest.raises(ConfigError, match=r"WebSettings\.contact is "):
        recipe(web=WebSettings(contact=contact))


@pytest.mark.parametrize("network", ["nonsense", "10.0.0.0/33", ""])
def test_a_network_that_is_none_is_refused(network):
    with pytest.raises(ConfigError, match="is no network"):
        recipe(web=WebSettings(allow_network=("10.0.0.0/8", network)))


ABOVE_ZERO = ["deadline_s", "connect_s", "max_page_bytes", "max_image_bytes", "connections"]
FROM_ZERO = ["host_delay_s", "domain_delay_s", "ip_delay_s", "max_crawl_delay_s", "retries", "backoff_s"]


@pytest.mark.parametrize("name", ABOVE_ZERO)
def test_limits_are_above_zero(name):
    recipe(web=replace(WebSettings(), **{name: 1}))
    with pytest.raises(ConfigError, match=rf"WebSettings\.{name} is 0, expected a number above 0"):
        recipe(web=replace(WebSettings(), **{name: 0}))


@pytest.mark.parametrize("name", FROM_ZERO)
def test_delays_are_zero_or_more(name):
    recipe(web=WebSettings(politeness=Politeness(**{name: 0})))
    with pytest.raises(ConfigError, match=rf"Politeness\.{name} is -1, expected a number of at least 0"):
        recipe(web=WebSettings(politeness=Politeness(**{name: -1})))


@pytest.mark.parametrize("name", ["host_connections", "circuit_failures"])
def test_counts_are_above_zero(name):
    with pytest.raises(ConfigError, match=rf"Politeness\.{name} is 0, expected a number above 0"):
        recipe(web=WebSettings(politeness=Politeness(**{name: 0})))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_times_are_finite(value):
    with pytest.raises(ConfigError, match=r"WebSettings\.deadline_s is "):
        recipe(web=WebSettings(deadline_s=value))


def rule(hint):
    """A filter whose item has that type."""

    @dataclass(frozen=True)
    class Rule:
        def __call__(self, item, /) -> Verdict:
            return KEPT

    Rule.__call__.__annotations__["item"] = hint
    return Rule()


@pytest.mark.parametrize("hint", [HasCaption, HasUrl, Candidate, Any, int, "NotThere"], ids=str)
def test_a_filter_of_texts_may_stand_before_the_download(hint):
    assert len(recipe(candidate_filters=(rule(hint),)).candidate_filters) == 1


@pytest.mark.parametrize("hint", [HasCaption, HasUrl, HasImage, Sample, "NotThere"], ids=str)
def test_every_filter_may_stand_after_it(hint):
    assert len(recipe(sample_filters=(rule(hint),)).sample_filters) == 1


@pytest.mark.parametrize("hint", [HasImage, Sample])
def test_a_filter_of_pictures_must_wait_for_them(hint):
    with pytest.raises(ConfigError, match="which a candidate does not have") as refused:
        recipe(candidate_filters=(rule(hint),))
    assert refused.value.hint == "move it from candidate_filters to sample_filters"


class HasSound(HasCaption, Protocol):
    """Something no item has."""

    loudness: float


def test_a_filter_of_what_nothing_has_is_refused_everywhere():
    with pytest.raises(ConfigError, match="Rule reads loudness, which a sample does not have"):
        recipe(sample_filters=(rule(HasSound),))


@pytest.mark.parametrize("thing", [len, "CaptionLength", None, Crawl(seeds=("http://a.test/",))])
def test_what_is_no_filter_is_refused(thing):
    with pytest.raises(ConfigError, match="expected a filter, such as"):
        recipe(sample_filters=(thing,))


def test_a_class_is_no_filter():
    with pytest.raises(ConfigError, match="sample_filters holds the class ImageSpec, expected a value of it"):
        recipe(sample_filters=(ImageSpec,))


def test_a_balance_needs_queries():
    with pytest.raises(ConfigError, match=r"balance is given without Recipe\.queries"):
        recipe(balance=Balance())
    assert recipe(balance=Balance(), queries=Queries(entries=("boat",))).balance == Balance()
