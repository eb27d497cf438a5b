"""JSON as objects, one at a time: lines of them (jsonl), or one array of them (json)."""

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from wit_builder.errors import Dropped
from wit_builder.lists.lines import MAX_LINE, Broken

Object = dict[str, Any]

_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()


def of_lines(lines: Iterable[str | Broken]) -> Iterator[Object | Broken]:
    """An object a line; empty lines are none."""
    for line in lines:
        if isinstance(line, Broken):
            yield line
        elif line and not line.isspace():
            yield _parsed(line)


def of_array(chunks: Iterable[bytes]) -> Iterator[Object | Broken]:
    """The objects of an array, which is never held whole. Bytes that are no UTF-8 become U+FFFD.

    Raises Dropped("damaged") where it is no JSON any more: nothing says where the next object begins.
    """
    text = _Text(chunks)
    opening = text.next_sign()
    if opening != "[":
        raise Dropped("damaged", f"it begins with {opening!r}, expected [ and objects")
    text.skip()
    while (sign := text.next_sign()) != "]":
        if not sign:
            raise Dropped("damaged", "it ends before its last ]")
        if sign == ",":
            text.skip()
        else:
            yield _checked(text.value())


def _parsed(line: str) -> Object | Broken:
    try:
        return _checked(orjson.loads(line))
    except orjson.JSONDecodeError:  # it is strict: NaN and half a surrogate pair are met in lists
        try:
            return _checked(json.loads(line))
        except (ValueError, RecursionError) as error:
            return Broken(f"no JSON ({error}): {line[:200]}")


def _checked(value: Any) -> Object | Broken:
    return value if isinstance(value, dict) else Broken(f"no object: {str(value)[:200]}")


class _Text:
    """A text of which as much is held as one value takes."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._more = map(decoder.decode, chunks)
        self._text = ""
        self._at = 0

    def next_sign(self) -> str:
        """The next character that is no space, "" at the end."""
        while True:
            while self._at < len(self._text):
                if (sign := self._text[self._at]) not in _SPACE:
                    return sign
                self._at += 1
            if not self._refill():
                return ""

    def skip(self) -> None:
        """Go past that character."""
        self._at += 1

    def value(self) -> Any:
        """The value that begins here. Raises Dropped("damaged") where none does."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > MAX_LINE or not self._refill():
                    raise Dropped("damaged", f"no JSON ({error}): {self._text[self._at :][:200]}") from error
            else:
                self._at = end
                return value

    def _refill(self) -> bool:
        more = next(self._more, None)
        if more is None:
            return False
        self._text, self._at = self._text[self._at :] + more, 0
        return True
