"""The truth about the exhibits against what is served, looked at with other eyes than those that built it."""

import hashlib
import io
import re
from collections import Counter, defaultdict
from urllib.parse import urljoin

import pytest
from PIL import Image

from tests.demo_web.measures import distances, language, pdq
from wit_builder.demo_web.captions import UNWANTED, WANTED
from wit_builder.demo_web.web import Web

DEMO = Web(10)
TRUTH = DEMO.truth()
PAIRS = [item for item in TRUTH if item.kind == "pair"]
KEPT = [item for item in PAIRS if item.reason is None]
NO_ANSWER = ("robots", "robots_unreachable", "dns", "network_refused")


def lost(*reasons, kind="pair"):
    return [item for item in TRUTH if item.kind == kind and item.reason in reasons]


def final(url):
    """The answer behind redirects, as one finds it at the second try."""
    answer = DEMO.answer(url, 2)
    for _ in range(6):
        if answer.status // 100 != 3:
            break
        url = urljoin(url, dict(answer.headers)["Location"])
        answer = DEMO.answer(url, 2)
    return answer


def test_every_kept_pair_has_a_picture_that_pillow_reads_and_no_rule_would_drop():
    for item in KEPT:
        body = final(item.url).body
        image = Image.open(io.BytesIO(body))
        image.load()
        short, long = sorted(image.size)
        assert (short >= 240, long <= 3 * short, len(body) >= 5_000) == (True, True, True), item
        assert pdq(body)[1] >= 60, item


def test_every_kept_caption_is_in_a_wanted_language_and_long_enough():
    for item in KEPT:
        lang, score = language(item.caption)
        assert (lang in WANTED, score >= 0.5) == (True, True), item
        assert len(item.caption.split()) >= 4 or lang == "ja"


def test_no_two_kept_pictures_are_within_40_bits_or_share_an_address():
    assert len({item.url for item in KEPT}) == len(KEPT)
    assert distances([pdq(final(item.url).body)[0] for item in KEPT]).min() > 40


def test_dropped_near_duplicates_are_within_24_bits_of_one_that_is_kept():
    kept = [pdq(final(item.url).body)[0] for item in KEPT]
    for item in lost("near_duplicate"):
        copy = pdq(final(item.url).body)[0]
        assert min(int((copy != other).sum()) for other in kept) <= 24, item


def test_dropped_duplicates_have_the_bytes_of_one_that_is_kept_or_nearly_so():
    digests = {hashlib.sha256(final(item.url).body).digest() for item in KEPT + lost("near_duplicate")}
    for item in lost("duplicate_image"):
        assert hashlib.sha256(final(item.url).body).digest() in digests, item


def test_placeholders_are_one_file_under_ten_captions_or_more_and_nothing_else_is():
    captions = defaultdict(set)
    for item in KEPT + lost("placeholder", "duplicate_image", "near_duplicate"):
        captions[hashlib.sha256(final(item.url).body).digest()].add(item.caption)
    counts = sorted(map(len, captions.values()))
    assert counts[-2:] == [9, 12]
    assert len(lost("placeholder")) == 12


def test_dropped_repetitions_repeat_what_is_kept():
    kept = Counter((item.url, item.caption) for item in KEPT)
    assert all(kept[item.url, item.caption] == 1 for item in lost("duplicate_pair"))
    assert all(any(item.url == url for url, _ in kept) for item in lost("duplicate_url"))


@pytest.mark.parametrize("transform", ["mirrored", "cropped", "rotated", "bordered"])
def test_copies_beyond_a_perceptual_hash_are_kept_and_marked(transform):
    assert all(item.reason is None for item in PAIRS if item.transform == transform)
    assert any(item.transform == transform for item in PAIRS)


@pytest.mark.parametrize("kind", ["page", "pair"])
def test_a_loss_named_after_a_status_is_answered_with_it(kind):
    for item in TRUTH:
        if item.kind == kind and (item.reason or "").startswith("http_"):
            assert f"http_{final(item.url).status}" == item.reason


def test_images_that_are_none_are_answered_with_text():
    for item in lost("not_image"):
        answer = DEMO.answer(item.url)
        assert answer.body[:1].isascii()
        assert answer.content_type.startswith(("image/jpeg", "text/html", "application/json"))


def test_a_picture_cut_in_half_cannot_be_decoded():
    for item in lost("decode_error"):
        with pytest.raises(OSError, match="truncated"):
            Image.open(io.BytesIO(DEMO.answer(item.url).body)).load()


def test_the_bomb_is_a_small_file_of_400_megapixels():
    (bomb,) = lost("too_many_pixels")
    body = DEMO.answer(bomb.url).body
    assert (body[16:20], body[20:24]) == ((20_000).to_bytes(4, "big"),) * 2
    assert len(body) < 100_000


def test_too_big_is_beyond_the_caps_of_pages_and_pictures():
    for item in lost("too_big", kind="page") + lost("too_big"):
        answer = DEMO.answer(item.url)
        size = (
            (64 << 20) if ("Content-Encoding", "gzip") in answer.headers else len(answer.body) * answer.repeat
        )
        assert size > ((10 << 20) if item.kind == "page" else (25 << 20))


@pytest.mark.parametrize(
    ("reason", "holds"),
    [
        ("image_too_small", lambda image, body: max(image.size) < 64),
        ("image_too_long", lambda image, body: max(image.size) > 3 * min(image.size) > 600),
        ("image_few_bytes", lambda image, body: len(body) < 1_000 and pdq(body)[1] >= 60),
        ("image_blank", lambda image, body: pdq(body)[1] < 50 and len(body) >= 5_000),
    ],
)
def test_bad_pictures_are_bad_in_one_way_only(reason, holds):
    bad = lost(reason)
    assert bad
    for item in bad:
        body = DEMO.answer(item.url).body
        image = Image.open(io.BytesIO(body))
        assert holds(image, body)
        assert reason == "image_too_small" or min(image.size) >= 200
        assert reason == "image_too_long" or max(image.size) <= 2 * min(image.size)


@pytest.mark.parametrize(
    ("reason", "holds"),
    [
        ("caption_few_words", lambda text: len(text.split()) == 1 and "." not in text),
        ("caption_few_chars", lambda text: len(text) < 6 and len(text.split()) == 3),
        ("caption_long", lambda text: 1000 < len(text) <= 10_000 and language(text[:200])[0] == "en"),
        ("caption_file_name", lambda text: re.search(r" \d*\w+\.(jpg|PNG)$", text) and len(text.split()) > 4),
        ("caption_url", lambda text: all(re.search(r"www\.|://|@", word) for word in text.split())),
        ("caption_no_letters", lambda text: not any(map(str.isalpha, text)) and len(text.split()) > 4),
        ("caption_repetitive", lambda text: len(set(text.split())) <= 2 and language(text)[0] == "en"),
        ("language_unsure", lambda text: language(text)[1] < 0.3 > language(text.lower())[1]),
        ("language_unwanted", lambda text: language(text)[0] == UNWANTED and language(text)[1] > 0.6),
    ],
)
def test_bad_captions_are_bad_in_one_way_only(reason, holds):
    assert lost(reason)
    assert all(holds(item.caption) for item in lost(reason))


@pytest.mark.parametrize(
    ("reason", "names"), [("url_extension", r"\.(svg|ico|mp4)$"), ("url_icon", "spacer|icon|emoji")]
)
def test_bad_addresses_are_bad_in_one_way_only(reason, names):
    assert all(re.search(names, item.url) for item in lost(reason))
    assert not any(re.search("spacer|icon|emoji|sprite|pixel|logo|thumb", item.url) for item in KEPT)


def test_opt_outs_of_pictures_stand_in_their_headers_or_in_their_hosts_file():
    for item in lost("opt_out_x_robots_tag", "opt_out_tdmrep"):
        if item.stage == "fetch":
            names = {name for name, _ in DEMO.answer(item.url).headers}
            assert names & {"X-Robots-Tag", "tdm-reservation"} or "/reserved/" in item.url


def test_what_must_not_be_asked_for_is_there_all_the_same():
    """So that a crawler that asks gets something that shows: a page with a pair of no truth."""
    for item in lost(*NO_ANSWER, kind="page"):
        if "/gone." not in item.url and "/refused." not in item.url and "/private." not in item.url:
            body = DEMO.answer(item.url).body.decode()
            assert "/never/" in body
    assert not any("/never/" in item.url for item in TRUTH)


def test_what_passes_is_had_at_the_second_try_and_says_how_long_to_wait():
    url = "http://busy-once.demo.test/picture.jpg"
    assert (DEMO.answer(url, 1).status, DEMO.answer(url, 2).status) == (429, 200)
    assert ("Retry-After", "1") in DEMO.answer(url, 1).headers


def test_no_host_has_five_failures_or_more_that_may_pass():
    passing = ("http_429", "http_500", "http_503", "timeout", "truncated", "connect")
    hosts = Counter(item.url.split("/")[2] for item in TRUTH if item.reason in passing)
    assert max(hosts.values()) == 1


def test_redirects_of_pictures_end_where_the_truth_says():
    for item in lost("redirect_loop", "too_many_redirects"):
        assert final(item.url).status == 302
    assert all(final(item.url).status == 200 for item in KEPT)


@pytest.mark.parametrize(
    ("name", "charset", "word"),
    [
        ("shift-jis-by-meta", "shift_jis", "の"),
        ("windows-1252-by-header", "cp1252", "à"),
        ("latin-2-by-header", "iso8859-2", "ó"),
        ("utf-16-by-mark", "utf-16", "é"),
        ("euc-jp-by-meta", "euc_jp", "の"),
    ],
)
def test_pages_in_other_charsets_hold_their_captions(name, charset, word):
    page = DEMO.answer(f"http://charsets.demo.test/{name}.html").body.decode(charset)
    captions = [item.caption for item in KEPT if f"/pictures/{name}-" in item.url]
    assert len(captions) == 2
    assert all(caption.replace("'", "&#x27;") in page for caption in captions)


def test_every_exhibit_page_is_linked_from_a_hall_or_redirected_to():
    linked = {url for name in DEMO._halls() for url in urls_of(f"http://start.demo.test/halls/{name}.html")}
    museum = [item.url for item in TRUTH if item.kind == "page" and item.url in linked]
    assert len(museum) == len(linked)
    assert max(len(urls_of(f"http://start.demo.test/halls/{name}.html")) for name in DEMO._halls()) <= 50


def urls_of(hall):
    return re.findall('<a href="([^"]*)"', DEMO.answer(hall).body.decode().replace("&amp;", "&"))
