"""The rules of duplicates, with values on both sides of each boundary."""

from itertools import permutations

import pytest

from wit_builder.demo_web.expected import Expected, Pair, settle
from wit_builder.records import candidate_id


def pair(number, caption="", **more):
    return Pair(
        f"http://a.test/{number}.jpg", caption or f"words of {number}", area=more.pop("area", 100), **more
    )


def reasons(*pairs):
    return [found.reason for found in settle(pairs)]


def by_id(*pairs):
    return sorted(pairs, key=lambda found: candidate_id(found.url, found.caption))


def test_a_pair_that_nothing_else_resembles_is_kept():
    assert settle([pair(1)]) == [Expected("pair", "http://a.test/1.jpg", "words of 1", "clean", None)]


def test_a_loss_of_its_own_is_handed_on():
    (found,) = settle([pair(1, lost=("fetch", "http_404"), transform="exact")])
    assert (found.stage, found.reason, found.transform) == ("fetch", "http_404", "exact")


def test_of_equal_pairs_one_stays():
    assert sorted(map(str, reasons(pair(1), pair(1), pair(1)))) == [
        "None",
        "duplicate_pair",
        "duplicate_pair",
    ]


def test_of_one_address_the_stronger_text_stays():
    strong, weak = pair(1, "strong", source="alt"), pair(1, "weak", source="title")
    assert reasons(weak, strong) == ["duplicate_url", None]


def test_of_one_address_and_equal_sources_the_smaller_id_stays():
    small, large = by_id(pair(1, "one"), pair(1, "other"))
    assert reasons(large, small) == ["duplicate_url", None]


def test_what_a_caption_filter_drops_never_stands_for_its_address():
    dropped = pair(1, "x", lost=("select", "caption_few_words"))
    assert reasons(dropped, dropped, pair(1, source="title")) == [
        "caption_few_words",
        "caption_few_words",
        None,
    ]


def test_what_is_lost_in_fetching_still_stands_for_its_address():
    alt, title = (pair(1, source, source=source, lost=("fetch", "dns")) for source in ("alt", "title"))
    assert reasons(title, alt) == ["duplicate_url", "dns"]


def test_of_one_image_the_larger_original_then_the_stronger_text_then_the_smaller_id_stays():
    small, large = by_id(pair(1, image="i"), pair(2, image="i"))
    assert reasons(large, small) == ["duplicate_image", None]
    weak, strong = pair(1, image="i", source="figcaption"), pair(2, image="i")
    assert reasons(weak, strong) == ["duplicate_image", None]
    big = pair(3, image="i", source="title", area=101)
    assert reasons(weak, strong, big) == ["duplicate_image", "duplicate_image", None]


@pytest.mark.parametrize(("captions", "placeholder"), [(9, False), (10, True)])
def test_an_image_under_ten_captions_is_a_placeholder(captions, placeholder):
    found = reasons(*(pair(n, image="i") for n in range(captions)))
    assert set(found) == ({"placeholder"} if placeholder else {None, "duplicate_image"})


def test_captions_that_were_dropped_before_do_not_make_a_placeholder():
    pairs = [pair(n, image="i") for n in range(9)] + [pair(9, image="i", lost=("select", "caption_long"))]
    assert "placeholder" not in reasons(*pairs)


def test_near_duplicates_are_decided_among_what_the_exact_ones_left():
    small = pair(3, look="l", area=50)
    one, other = by_id(pair(1, image="i", look="l"), pair(2, image="i", look="l"))
    assert reasons(small, one, other) == ["near_duplicate", None, "duplicate_image"]


def test_a_sample_filter_comes_before_the_duplicates():
    lost = pair(1, image="i", look="l", area=500, lost=("clean", "image_blank"))
    assert reasons(lost, pair(2, image="i", look="l")) == ["image_blank", None]


def test_the_order_of_the_pairs_does_not_matter():
    pairs = [
        pair(1, image="i", look="l"),
        pair(2, image="i", look="l"),
        pair(3, look="l", area=200),
        pair(3, "again"),
    ]
    fates = [{(f.url, f.caption): f.reason for f in settle(order)} for order in permutations(pairs)]
    assert all(fate == fates[0] for fate in fates)
