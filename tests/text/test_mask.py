import gzip
import json
import time

import pytest

from tests.shared_data import shared_data
from wit_builder.text.mask import KINDS, folding, masked
from wit_builder.text.normalize import fold


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("write to me@example.org.", "write to [email]."),
        ("Foto: max.muster+alt@mail.example.co.uk, 2019", "Foto: [email], 2019"),
        ("me＠example.jp", "[email]"),
        ("почта@пример.рф", "[email]"),
        ("tea @ home", "tea @ home"),
        ("@museum on a lake", "@museum on a lake"),
        ("Siam@Siam Hotel", "Siam@Siam Hotel"),
    ],
)
def test_an_email_address_gives_way(text, left):
    assert masked(text, ("email",)) == left


@pytest.mark.parametrize(
    "number",
    [
        "+49 30 1234567",
        "0049 30 1234567",
        "+66 (0)89-881 9873",
        "+44 20 7946 0958",
        "+1 (415) 555-2671",
        "+81-3-1234-5678",
        "+4930123456789",
        "030 / 1234567",
        "(030) 1234567",
        "01 23 45 67 89",
        "020 7946 0958",
        "0171-1234567",
        "(212) 555-0142",
        "212-555-0142",
        "212.555.0142",
        "212 555 0142",
        "1-800-555-0199",
    ],
)
def test_a_telephone_number_gives_way(number):
    assert masked(f"call us: {number}, today", ("phone",)) == "call us: [phone], today"


@pytest.mark.parametrize(
    "called", ["Tel.: ", "tel ", "Fax ", "Phone: ", "☎ ", "Тел. ", "电话：".replace("：", ":")]
)
def test_what_is_called_a_telephone_number_may_be_short(called):
    assert masked(f"{called}12 34 56", ("phone",)) == f"{called}[phone]"


@pytest.mark.parametrize(
    "text",
    [
        "1914-1918 and 1939-1945",
        "2019-05-04 12:33",
        "04.05.2019 12:30",
        "04/05/2019 12",
        "$1,234,567.00",
        "1 234 567 890",
        "1.234.567.890",
        "1024x768",
        "ISBN 978-3-16-148410-0",
        "ISBN 0-306-40615-2",
        "0306406152",
        "40.7128 -74.0060",
        "+40.7128 -74.0060",
        "10.1234/567.8901",
        "192.168.100.200",
        "IMG_20180131_120000",
        "2020-12-24T10:11:12",
        "+100 200",
        "Tel Aviv 1948",
        "telephoto 70-200",
    ],
)
def test_other_numbers_stay(text):
    assert masked(text, KINDS) == text


def test_only_what_is_asked_for_gives_way():
    text = "me@example.org +49 30 1234567"
    assert masked(text, ()) == text
    assert masked(text, ("email",)) == "[email] +49 30 1234567"
    assert masked(text, ("phone",)) == "me@example.org [phone]"
    assert folding(()) is fold
    assert folding(KINDS)("  me@example.org \n") == "[email]"


@pytest.mark.parametrize(
    "unit", ["1", "1 ", "0", "01 ", "+1", "tel 1", "a@", "a@b.", "@", "a.", "1-", "(1)", "00 ", "(("]
)
def test_a_hostile_text_costs_no_time(unit):
    start = time.perf_counter()
    masked((unit * 10_000)[:10_000], KINDS)
    assert time.perf_counter() - start < 0.2


def test_in_real_alts_only_what_is_one_gives_way():
    lines = gzip.decompress(shared_data("text/alts-trafilatura.jsonl.gz").read_bytes()).splitlines()
    changed = [alt for alt in (json.loads(line)["alt"] for line in lines) if masked(alt, KINDS) != alt]
    assert len(changed) == 13
    assert all("Tel" in alt or "@" in alt for alt in changed)


@pytest.mark.parametrize("name", ["captions-multi30k", "langid-tatoeba"])
def test_in_captions_without_such_data_nothing_does(name):
    lines = gzip.decompress(shared_data(f"text/{name}.jsonl.gz").read_bytes()).splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    assert [text for text in texts if masked(text, KINDS) != text] == []
