"""A page's text by the encoding a browser would take: html5lib's cases, real samples, junk."""

import random
import re
import time
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webencodings.labels import LABELS

from tests.shared_data import shared_data
from wit_builder.web.charset import LATE_PRESCAN, PRESCAN, decode_html, utf8_html

RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. "
JAPANESE = "色は匂へど散りぬるを我が世誰ぞ常ならむ。"


def page(text: str, codec: str) -> bytes:
    return f"<!DOCTYPE html><title>{text}</title><p>{text * 5}</p>".encode(codec)


def meta(charset: str) -> bytes:
    return f'<meta charset="{charset}">'.encode()


def encoding(body: bytes, content_type: str | None = None) -> str:
    return decode_html(body, content_type)[1]


def html5lib_cases(name: str) -> list[tuple[bytes, str]]:
    whole = shared_data(f"conformance/encoding/{name}").read_bytes()
    cases = [case.partition(b"\n#encoding\n") for case in re.split(rb"(?:^|\n)#data\n", whole)[1:]]
    return [(data, LABELS[name.split(b"\n")[0].decode().lower()]) for data, _, name in cases]


# Their meta tag stands behind 1,024 bytes of comment and all they hold is ASCII: there is nothing to decode,
# so we do not look further. With one byte that is no ASCII they pass, see the second test.
ALL_ASCII_AND_DECLARED_LATE = {48, 49, 50, 51, 52, 53}


@pytest.mark.parametrize(("name", "count"), [("html5lib-tests1.dat", 59), ("html5lib-test-yahoo-jp.dat", 1)])
def test_every_html5lib_case_but_the_listed_ones_has_its_encoding(name: str, count: int) -> None:
    cases = html5lib_cases(name)
    wrong = {n for n, (data, expected) in enumerate(cases, 1) if encoding(data) != expected}
    assert len(cases) == count
    assert wrong == (ALL_ASCII_AND_DECLARED_LATE if count > 1 else set())


def test_the_listed_cases_pass_where_there_is_something_to_decode() -> None:
    cases = html5lib_cases("html5lib-tests1.dat")
    assert {encoding(cases[n - 1][0] + b"<p>\xb9") for n in ALL_ASCII_AND_DECLARED_LATE} == {"iso-8859-2"}


# chardet's samples that we decode otherwise than their folder says, and why.
NOT_OF_THE_WEB = {
    "EUC-TW",
    "IBM855",
    "Johab",
    "UTF-32",
    "UTF-32BE",
    "UTF-32LE",
    "iso-2022-kr",
}  # no browser has them
OTHER_NAME = {
    "iso-8859-7-greek/_ude_2.txt",  # windows-1253, which has its letters; an apostrophe differs
    "windows-1250-romanian/_ude_1.txt",  # iso-8859-16, the same letters with commas for cedillas
}
PYTHONS_NAME = {"GB2312": "gb18030", "SHIFT_JIS": "cp932", "EUC-KR": "cp949", "MacCyrillic": "mac-cyrillic"}
PYTHONS_NAME |= {"iso-8859-1": "cp1252", "iso-8859-9": "cp1254", "TIS-620": "cp874", "Big5": "big5hkscs"}


@pytest.mark.parametrize("declarations", ["kept", "removed"])
def test_real_samples_come_out_as_they_were_meant(declarations: str) -> None:
    wrong, count = set(), 0
    with zipfile.ZipFile(shared_data("conformance/encoding/chardet-samples.zip")) as samples:
        for name in samples.namelist():
            body, folder = samples.read(name), name.split("/")[0]
            if declarations == "removed":
                body = re.sub(rb"(?i)(?:charset|encoding)(\s*=)", rb"nothing\1", body)
            codec = re.sub(r"^((?:iso-8859|windows)-\d+)-\w+$", r"\1", folder)
            expected = body.decode(PYTHONS_NAME.get(codec, codec), "replace") if folder != "EUC-TW" else None
            count += 1
            if decode_html(body, None)[0] != expected:
                wrong.add(folder if folder in NOT_OF_THE_WEB else name)
    assert count == 95
    assert wrong == NOT_OF_THE_WEB | OTHER_NAME


def test_every_label_of_the_encoding_standard_is_known() -> None:
    known = {label: encoding(b"x", f"text/html; charset={label}") for label in LABELS}
    assert known == LABELS | {"x-user-defined": "windows-1252"}  # as meta tags have it read (13.2.3.2)


@pytest.mark.parametrize(
    ("body", "content_type", "text", "name"),
    [
        (b"\xef\xbb\xbf\xc3\xa9", "text/html; charset=koi8-r", "é", "utf-8"),
        (b"\xff\xfe\xe9\0", "text/html; charset=utf-8", "é", "utf-16le"),
        (b"\xfe\xff\0\xe9", None, "é", "utf-16be"),
        (b"<\0p\0>\0", "text/html; charset=utf-8", "<p>", "utf-16le"),
        (b"\0<\0p\0>", "text/html; charset=iso-10646-ucs-2", "<p>", "utf-16be"),
        (
            meta("koi8-r") + b"\xe9",
            "text/html; charset=iso-8859-1",
            '<meta charset="koi8-r">é',
            "windows-1252",
        ),
        (meta("koi8-r") + b"\xe9", "text/html; charset=nonsense", '<meta charset="koi8-r">И', "koi8-r"),
        (meta("koi8-r") + b"\xe9", "text/html", '<meta charset="koi8-r">И', "koi8-r"),
        (meta("utf-16") + b"\xc3\xa9", None, '<meta charset="utf-16">é', "utf-8"),
        (meta("x-user-defined") + b"\xe9", None, '<meta charset="x-user-defined">é', "windows-1252"),
        (b"\xc3\xa9", None, "é", "utf-8"),
        (b"plain", None, "plain", "windows-1252"),
        (b"plain", "text/html; charset=utf-8", "plain", "utf-8"),
        (b"", None, "", "windows-1252"),
    ],
)
def test_mark_goes_before_header_before_meta_before_the_bytes(
    body: bytes, content_type: str | None, text: str, name: str
) -> None:
    assert decode_html(body, content_type) == (text, name)


@pytest.mark.parametrize(
    ("content_type", "name"),
    [
        ("text/html; charset=koi8-r", "koi8-r"),
        ("text/html;charset = KOI8-R ; q=1", "koi8-r"),
        ('text/html; charset="koi8-r"', "koi8-r"),
        ("text/html; charset='koi8-r'", "koi8-r"),
        ("text/html; boundary=x; charset=koi8-r, text/html", "koi8-r"),
        ("text/html; xcharset=koi8-r", "windows-1252"),
        ("text/html; charset=", "windows-1252"),
        ("text/html; charset", "windows-1252"),
        ("charset=koi8-r", "windows-1252"),
        ("\u0130\ud800;", "windows-1252"),
        ("", "windows-1252"),
    ],
)
def test_a_content_type_declares_by_its_charset_parameter(content_type: str, name: str) -> None:
    assert encoding(b"x", content_type) == name


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b'<META CharSet = "koi8-r" >', "koi8-r"),
        (b"<meta/charset=koi8-r/>", "windows-1252"),
        (b"<meta/charset=koi8-r >", "koi8-r"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', "koi8-r"),
        (b"<meta content='text/html; charset=\"koi8-r\"' http-equiv=content-type>", "koi8-r"),
        (b'<meta content="charset charset=koi8-r" http-equiv=content-type>', "koi8-r"),
        (b'<meta name="description" content="text/html; charset=koi8-r">', "windows-1252"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=\'koi8-r">', "windows-1252"),
        (b"<meta charset=nonsense><meta charset=koi8-r>", "koi8-r"),
        (b"<meta charset=koi8-r charset=ibm866>", "koi8-r"),
        (b"<!-- <meta charset=koi8-r> --><meta charset=ibm866>", "ibm866"),
        (b"<!--><meta charset=koi8-r>", "koi8-r"),
        (b"<!-- <meta charset=koi8-r>", "windows-1252"),
        (b"<a title='<meta charset=koi8-r>'><meta charset=ibm866>", "ibm866"),
        (b"</ <meta charset=koi8-r><meta charset=ibm866>", "ibm866"),
        (b"<!doctype html <meta charset=koi8-r>", "windows-1252"),
        (b"< <meta charset=koi8-r>", "koi8-r"),
        (b"<meta charset=koi8-r", "windows-1252"),
        (b"<meta charset='koi8-r>", "windows-1252"),
        (b"<meta charset=koi8-r name=x", "windows-1252"),
        (b"<metacharset=koi8-r>", "windows-1252"),
        (b"charset=koi8-r", "windows-1252"),
        (b'<?xml version="1.0" encoding="koi8-r"?>', "koi8-r"),
        (b"<?xml version='1.0' encoding = 'koi8-r' ?>", "koi8-r"),
        (b'<?xml version="1.0"?><a encoding="koi8-r">', "windows-1252"),
        (b' <?xml version="1.0" encoding="koi8-r"?>', "windows-1252"),
        (b'<?xml version="1.0" encoding="koi8-r"?><meta charset=ibm866>', "ibm866"),
        (b'<?xml version="1.0" encoding="utf-16"?>\xc3\xa9', "utf-8"),
    ],
)
def test_the_prescan_reads_tags_as_the_standard_says(head: bytes, name: str) -> None:
    assert encoding(head) == name


def test_ascii_is_searched_for_a_declaration_in_its_first_1024_bytes() -> None:
    declaration = meta("koi8-r") + b"x"
    assert encoding(b"".ljust(PRESCAN - len(declaration)) + declaration) == "koi8-r"
    assert encoding(b"".ljust(PRESCAN - len(declaration) + 2) + declaration) == "windows-1252"


def test_bytes_that_are_no_utf_8_are_searched_in_their_first_64_kib() -> None:
    declaration, text = meta("windows-1251") + b"x", page("plain", "cp1251") + b"\xe9"
    assert encoding(b"".ljust(LATE_PRESCAN - len(declaration)) + declaration + text) == "windows-1251"
    assert encoding(b"".ljust(LATE_PRESCAN - len(declaration) + 2) + declaration + text) == "windows-1252"


@pytest.mark.parametrize(("whole", "name"), [(3, "windows-1252"), (4, "utf-8")])
def test_undeclared_utf_8_has_four_whole_characters_to_a_broken_one(whole: int, name: str) -> None:
    body = b"\xff" + "é".encode() * whole
    assert decode_html(body, None) == (body.decode("utf-8" if whole == 4 else "cp1252", "replace"), name)


@pytest.mark.parametrize("whole", [0, 1])
def test_declared_utf_8_is_believed_unless_most_of_it_is_broken(whole: int) -> None:
    text, name = decode_html(b"\x92 plain " + "é".encode() * whole, "text/html; charset=utf-8")
    assert (text, name) == (("\ufffd plain é", "utf-8") if whole else ("\u2019 plain ", "windows-1252"))


def test_a_page_that_says_utf_8_and_is_russian_in_windows_1251_is_read() -> None:
    body = meta("utf-8") + page(RUSSIAN, "cp1251")
    assert decode_html(body, "text/html; charset=utf-8") == (body.decode("cp1251"), "windows-1251")


def test_a_page_cut_within_a_character_stays_utf_8() -> None:
    body = page(JAPANESE, "utf-8").partition("。".encode())[0] + b"\xe3\x80"
    assert decode_html(body, None) == (body[:-2].decode() + "\ufffd", "utf-8")


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        (RUSSIAN, "cp1251", "windows-1251"),
        (RUSSIAN, "koi8-r", "koi8-u"),
        (RUSSIAN, "mac-cyrillic", "x-mac-cyrillic"),
        (JAPANESE, "cp932", "shift_jis"),
        (JAPANESE, "euc-jp", "euc-jp"),
        (JAPANESE, "iso2022-jp", "iso-2022-jp"),
        ("키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다.", "cp949", "euc-kr"),
        ("Ξεσκεπάζω την ψυχοφθόρα βδελυγμία", "cp1253", "iso-8859-7"),
        ("Pijamalı hasta yağız şoföre çabucak güvendi", "cp1254", "windows-1254"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy", "cp1250", "windows-1250"),
        ("Așadar, mâine și poimâine țineți ușa închisă", "iso8859-16", "iso-8859-16"),
        ("Voix ambiguë d’un cœur qui préfère les jattes", "cp1252", "windows-1252"),
    ],
)
def test_undeclared_text_is_recognised(text: str, codec: str, name: str) -> None:
    assert decode_html(page(text, codec), None) == (page(text, codec).decode(codec), name)


@pytest.mark.parametrize("end", ["<br>", " ", "\n"])
@pytest.mark.parametrize("codec", ["cp932", "euc-jp"])
def test_a_long_text_is_recognised_wherever_its_characters_are_cut(end: str, codec: str) -> None:
    texts = [(JAPANESE + "a" * n + end) * 400 for n in range(3)]
    expected = {"cp932": "shift_jis", "euc-jp": "euc-jp"}[codec]
    assert [encoding(text.encode(codec)) for text in texts] == [expected] * 3


def test_what_stands_far_from_the_first_letter_that_is_no_ascii_counts_too() -> None:
    script = b"<script>" + b"var x = 1;" * 20_000 + b"</script>"
    body = b"<title>\xa9</title>" + script + page(RUSSIAN, "cp1251") * 30
    assert encoding(body) == "windows-1251"


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("iso-8859-1", b"\x80\x81\x93", "€\x81“"),
        ("us-ascii", b"\xe9", "é"),
        ("windows-1253", b"\x81\xaa", "\x81\ufffd"),
        ("tis-620", b"\xa1", "ก"),
        ("iso-8859-9", b"\x80", "€"),
        ("iso-8859-2", b"\xb1\x80", "ą\x80"),
        ("shift_jis", b"\x87\x40\xfa\xb1", "①﨑"),
        ("euc-jp", b"\xa4\xa2\xad\xa1", "あ①"),
        ("euc-jp", b"\xa4\xa2\xff", "あ\ufffd"),
        ("iso-2022-jp", b'\x1b$B$"\x1b(IA\x1b(B', "あ\uff81"),
        ("gb2312", b"\x81\x30\x81\x30\xc4\xe3", "\x80你"),
        ("gb2312", b"\x90\x47", "怗"),
        ("ks_c_5601-1987", b"\x8c\x63", "똠"),
        ("big5", b"\x87\x40", "䏰"),
        ("iso-8859-8-i", b"\xe0", "א"),
        ("hz-gb-2312", b"~{<script>~}", "\ufffd"),
        ("hz-gb-2312", b"", ""),
        ("utf-16le", b"\xe9\0\0", "é\ufffd"),
    ],
)
def test_a_label_means_what_the_encoding_standard_says_not_what_python_says(
    charset: str, body: bytes, text: str
) -> None:
    assert decode_html(body, f"text/html; charset={charset}")[0] == text


def quickest(call: Callable[[], object]) -> float:
    """Seconds of the quickest of twenty calls."""
    times = []
    for _ in range(20):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def test_utf_8_costs_little_more_than_decoding_it() -> None:
    body = meta("utf-8") + page(RUSSIAN * 20, "utf-8") * 10
    assert quickest(lambda: decode_html(body, None)) < 3 * quickest(body.decode) + 100e-6  # 4 µs more here


JUNK = random.Random(7).randbytes(1 << 20) * 10


@pytest.mark.parametrize(
    "body",
    [JUNK, b"<a b='" * (1 << 20) + b"\xff", b"<!--" * (2 << 20) + b"\xff", b"\x1b$B" * (3 << 20)],
    ids=["random", "open tags", "open comments", "escapes"],
)
def test_ten_mebibytes_of_junk_take_bounded_time(body: bytes) -> None:
    started = time.perf_counter()
    decode_html(body, None)
    assert time.perf_counter() - started < 2.0  # 0.2 s here


DECLARED = st.sampled_from([None, *(f"text/html; charset={label}" for label in sorted(set(LABELS.values())))])


@given(st.binary(max_size=80), DECLARED)
def test_no_bytes_make_decoding_fail_and_the_text_is_proper_unicode(
    body: bytes, content_type: str | None
) -> None:
    text, name = decode_html(body, content_type)
    assert text.encode().decode() == text
    assert name in LABELS
    assert utf8_html(body, content_type) == text.encode()


@pytest.mark.parametrize(
    ("xhtml", "html"),
    [
        (b"<script src='a/b.js'/>", b"<script src='a/b.js'></script>"),
        (b'<a id="/>" href=/x/ /><title/>', b'<a id="/>" href=/x/ ></a><title></title>'),
        (b'<img src="a.jpg"/><br/>', b'<img src="a.jpg"/><br/>'),
        (b'<a "', b'<a "'),
    ],
)
def test_empty_elements_of_xhtml_come_as_html_has_them(xhtml: bytes, html: bytes) -> None:
    assert utf8_html(xhtml, "application/xhtml+xml; charset=utf-8") == html
    assert utf8_html(xhtml, "text/html") == xhtml


@pytest.mark.parametrize("unit", [b'<a "', b"<a '\"", b"<a /", b"<a x=y ", b"</", b"<a/>"])
def test_ten_megabytes_of_xhtml_take_bounded_time(unit: bytes) -> None:
    started = time.process_time()
    utf8_html(unit * (10_000_000 // len(unit)), "application/xhtml+xml; charset=utf-8")
    assert time.process_time() - started < 15


def test_a_page_in_proper_utf_8_is_passed_on_as_it_is() -> None:
    body = page(RUSSIAN, "utf-8")
    assert utf8_html(body, None) is body
    assert utf8_html(body + b"\xe3", None) == body + "\ufffd".encode()
    assert utf8_html(b"\xef\xbb\xbf" + body, None) == body


PARTS = [b"<", b"meta ", b"charset", b"=", b"'", b'"', b">", b"/", b"!--", b"koi8-r", b" ", b"\xff"]


@given(st.lists(st.sampled_from(PARTS)))
def test_no_markup_makes_the_prescan_fail(parts: list[bytes]) -> None:
    assert encoding(b"<meta http-equiv=content-type " + b"".join(parts)) in LABELS
