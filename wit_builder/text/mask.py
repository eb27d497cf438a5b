"""Personal data in a text: e-mail addresses and telephone numbers give way to `[email]` and `[phone]`.

Callers ask `folding(kinds)` once, for the function that puts every text into its one form; with kinds that form
has no such data, and so has nothing that is made of it: captions, other texts, titles, ids, evidence.
"""

import re
from collections.abc import Callable
from typing import Literal

from wit_builder.text.normalize import fold

Personal = Literal["email", "phone"]

KINDS: tuple[Personal, ...] = ("email", "phone")


def folding(kinds: tuple[Personal, ...]) -> Callable[[str], str]:
    """`fold`, and where kinds are given, without data of these kinds."""
    if not kinds:
        return fold
    return lambda text: masked(fold(text), kinds)


def masked(text: str, kinds: tuple[Personal, ...]) -> str:
    """The text, its data of these kinds replaced. Linear in the length.

    email: an address with an @ and a dot behind it; not those written in words ("me at example dot org").
    phone: +49 30 1234567 and 0049 30 1234567 (8 to 15 digits); 030 / 1234567 and 01 23 45 67 89, a trunk zero with 9
        to 12 digits in groups; (212) 555-0142, 212-555-0142 and 1.212.555.0142 of North America; and after a word
        such as Tel., Fax, phone, Telefon or ☎ whatever has 6 to 15 digits. Years, dates, prices, sizes, ISBNs and
        coordinates are none. Figures measured on real captions: docs/curation.md.
    """
    if "email" in kinds and ("@" in text or "＠" in text):
        text = _EMAIL.sub("[email]", text)
    if "phone" in kinds and _SEVERAL_DIGITS.search(text):
        text = _CALLED.sub(r"\1[phone]", text)
        text = _PHONE.sub("[phone]", text)
    return text


_EMAIL = re.compile(r"[\w.+%'-]{1,64}[@＠][^\W_](?:[\w-]{0,62}\.[^\W_]){1,5}[\w-]{0,62}")

# Every digit is followed by at most one separator, so that a run can be read in one way only.
_NEXT = r"(?:[ .\-/\u2010-\u2013\u00a0]|\) ?| \(|\()?\d"
_DATE = r"(?!\d{1,2}[ ./-]\d{1,2}[ ./-](?:1\d|20)\d\d)"
_SEVERAL_DIGITS = re.compile(r"\d[^\w]{0,3}\d[^\w]{0,3}\d[^\w]{0,3}\d[^\w]{0,3}\d[^\w]{0,3}\d")
_PHONE = re.compile(
    rf"(?<![\w+])\+\(?[1-9](?:{_NEXT}){{7,14}}(?![\w@])"
    rf"|(?<![\w.,/+-])00[1-9]\d{{0,2}}[ ./-](?:\(?\d)(?:{_NEXT}){{5,11}}(?![\w@])"
    rf"|(?<![\w.,/+-]){_DATE}\(?0[1-9]\d{{0,4}}(?:\) ?| ?[/\-–] ?|[ .])\d(?:{_NEXT}){{5,9}}(?![\w@])"
    r"|(?<![\w.,/+-])(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[.-]|(?<=1 )[2-9]\d\d )[2-9]\d\d[ .-]\d{4}(?![\w@-])"
    r"|(?<![\w.,/+-])[2-9]\d\d [2-9]\d\d[ -]\d{4}(?![\w@-])"
)
_CALLED = re.compile(
    r"((?:\b(?:tel|telephone|phone|fax|mobile|cell|whatsapp|telefon|telefax|handy|mobil|tél|téléphone|teléfono|telefono|"
    r"telefone|celular|тел|телефон)\b|☎|☏|📞|電話|电话|전화)[.:\s]{0,3})"
    rf"\+?\(?\d(?:{_NEXT}){{5,14}}(?![\w@])",
    re.IGNORECASE,
)
