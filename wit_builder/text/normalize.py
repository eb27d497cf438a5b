"""One form per text: what two captions must share to count as the same.

Callers ask `fold(text)`, and of a folded text whether it is only the name of a file (`is_file_name`) or holds
a letter at all (`has_letter`).
"""

import re
import unicodedata

MAX_TEXT = 10_000  # characters of a folded text


def fold(text: str) -> str:
    """The text in Unicode's NFC, invisible characters gone, whitespace runs one space, cut at `MAX_TEXT`.

    Invisible: control characters, zero-width ones (the joiners of emoji, Persian and Sinhala among them, so
    that texts compare equal), soft hyphens, direction marks, tags, lone surrogates. Of a row of combining
    marks the first 30 stay. Folding twice changes nothing. Never raises; linear in the length. 0.2 µs on a
    clean ASCII caption, 1 µs on a clean one in other letters.
    """
    if not text.isprintable():  # whitespace but for the space is not printable, nor is anything invisible
        text = _INVISIBLE.sub("", text)
        text = " ".join(text.split())
    elif "  " in text or text[:1] == " " or text[-1:] == " ":
        text = " ".join(text.split())
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT].rstrip()
    return text if text.isascii() else _composed(text)


def has_letter(text: str) -> bool:
    """Whether a letter of any script stands in the text."""
    return _LETTER.search(text) is not None


def is_file_name(text: str) -> bool:
    """Whether the text is the name of a file: what a camera or an upload form wrote, not a person.

    Either it ends in the extension of an image ("photo of me.JPG", at most 8 words), or it is one word of a
    form that machines write: a camera's or program's prefix with a number ("DSC_0042", "image-3"), a time
    stamp ("20180131_120000"), a checksum or UUID (16 hex digits or more, a decimal one among them), or a word
    with an underscore and a digit ("himmel_1200").
    """
    if len(text) > _MAX_FILE_NAME or (" " in text and "." not in text[-5:]):
        return False
    return _IMAGE_FILE.fullmatch(text) is not None or _MACHINE_WORD.fullmatch(text) is not None


# Cc but for whitespace, Cs, and Cf that has no width: soft hyphen, joiners, direction marks, fillers, tags.
# Some of Cf is seen (the Arabic number signs, U+0600 to U+0605) and stays.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0001-\U000e007f]+"
)

# NFC sorts the marks of one letter by insertion: 100,000 of them take 7 s, and a page may hold millions. So
# rows are cut at 30, the bound of UAX #15's stream-safe text, before they are normalised. No mark is a \w.
MAX_MARKS = 30
MANY_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{MAX_MARKS + 1},}}")

_LETTER = re.compile(r"[^\W\d_]")
_MAX_FILE_NAME = 255  # characters, the longest name most file systems take
_IMAGE_FILE = re.compile(
    r"(?:\S+ ){0,7}\S+\.(?:jpe?g?|jfif|png|gif|webp|avif|bmp|svgz?|tiff?|hei[cf]|ico|psd|cr2|nef)",
    re.IGNORECASE,
)
_PREFIXES = (
    "img|image|imagen|imagem|bild|foto|photo|pic|picture|pict|dsc|dscn|dscf|dsci|cimg|sam|imgp|imgl|mvi|vid|pxl|"
    "wp|hpim|kif|gedc|sdc|gopr|dji|scan|untitled|unbenannt|unnamed|screenshot|bildschirmfoto|capture|captura|"
    "logo|slide|banner|thumb|thumbnail|download"
)
_MACHINE_WORD = re.compile(
    rf"(?:{_PREFIXES})[-_]*[0-9]++(?:[-_~x.0-9]|wa)*+"  # DSC0042, image-3, IMG-20180131-WA0007
    rf"|(?:{_PREFIXES})[-_]*\([0-9]{{1,6}}\)"  # Untitled(2)
    r"|(?:19|20)[0-9]{6}[-_t]?[0-9]{4,9}"  # 20180131T120000
    r"|(?=[a-f]*[0-9])[0-9a-f]{16,128}"  # checksums
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # UUIDs
    r"|(?=[^\s_]*_)(?=[^\s0-9]*[0-9])\S+",  # himmel_1200, 11169_1015_n
    re.IGNORECASE,
)


def _composed(text: str) -> str:
    if len(text) > MAX_MARKS:
        text = MANY_MARKS.sub(_first_marks, text)
    if unicodedata.is_normalized("NFC", text):
        return text
    # NFC may lengthen: a few letters are always written apart (U+FB2C is three characters in NFC)
    composed = MANY_MARKS.sub(_first_marks, unicodedata.normalize("NFC", text))
    return composed[:MAX_TEXT].rstrip()


def _first_marks(row: re.Match[str]) -> str:
    kept, marks = [], 0
    for char in row[0]:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= MAX_MARKS:
            kept.append(char)
    return "".join(kept)
