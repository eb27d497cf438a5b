"""What one entry of a list is, and its one spelling: (kind, value).

url      SHA-256 of the address without its scheme, 64 hex digits: a list of what is to be forgotten must be
         no copy of it, and http and https name the same picture
domain   a host in lower case; it stands for all hosts below it
sha256   of an image's bytes, 64 hex digits
pdq      64 hex digits, and the radius in which it counts
"""

import re
from hashlib import sha256
from typing import Literal, get_args

import pyarrow as pa

from wit_builder.errors import ConfigError
from wit_builder.web.url import host_of, normalise

Kind = Literal["url", "domain", "sha256", "pdq"]
KINDS: tuple[Kind, ...] = get_args(Kind)

EXPECTED: dict[Kind, str] = {
    "url": "address (https://example.org/a.jpg)",
    "domain": "domain (example.org)",
    "sha256": "SHA-256 (64 hex digits)",
    "pdq": "PDQ hash (64 hex digits)",
}

SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("value", pa.string()),
        pa.field("radius", pa.int32(), metadata={"unit": "bits of 256"}),  # null but for pdq
        ("list", pa.string()),  # name of the file that has it
    ]
)

_COMMENT = re.compile(r"(?:^|\s)#")
_HEX = re.compile(r"[0-9a-f]{64}")
_HOST = re.compile(r"(?:[a-z0-9_-]+\.)*[a-z0-9_-]+|\[[0-9a-f:]+\]")


def value_of(kind: Kind, word: str) -> str:
    """The word as an entry's value. Raises ConfigError for what is nothing of that kind."""
    try:
        found = _READ[kind](word.strip())
    except ValueError:
        found = None
    if found is None:
        raise ConfigError(f"{_shown(word)} is no {EXPECTED[kind]}")
    return found


def url_value(url: str) -> str:
    """The value of an address. Raises ValueError for what is none."""
    return sha256(normalise(url).partition(":")[2].encode()).hexdigest()


def uncommented(line: str) -> str:
    """A line of a list, without blanks around it and its comment: from a `#` at its start or behind a blank on."""
    return _COMMENT.split(line, maxsplit=1)[0].strip()


def text_value(text: str) -> str:
    """A text's SHA-256, 64 hex digits."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def _hex(word: str) -> str | None:
    lower = word.lower()
    return lower if _HEX.fullmatch(lower) else None


def _domain(word: str) -> str | None:
    if re.search(r"[/:@?#\\\s]", word) and not word.startswith("["):
        return None
    host = host_of(f"http://{word}/").rstrip(".")
    return host if _HOST.fullmatch(host) else None


def _shown(word: str) -> str:
    return repr(word) if len(word) <= 80 else repr(word[:77] + "...")


_READ = {"url": url_value, "domain": _domain, "sha256": _hex, "pdq": _hex}
