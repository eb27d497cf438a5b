"""Text as lines, whatever it holds: a line that is too long or is not UTF-8 is broken, and the next one is read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_LINE = 4 << 20  # bytes of a line or a row; a caption of 1 MB has room


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that could not be read, and what was seen of it."""

    evidence: str


def lines(chunks: Iterable[bytes]) -> Iterator[str | Broken]:
    """The lines of a text without their ends, LF or CRLF; without the byte order mark.

    Where `chunks` raises, a line that was cut is not given.
    """
    rest = b""
    begun = False
    for chunk in chunks:
        head, *others = chunk.split(b"\n")
        if len(rest) <= MAX_LINE:
            rest += head
        if not begun and (others or len(rest) >= 3):
            rest, begun = rest.removeprefix(b"\xef\xbb\xbf"), True
        if others:
            yield from _decoded([rest, *others[:-1]])
            rest = others[-1]
    if rest:
        yield from _decoded([rest])


def _decoded(raw: list[bytes]) -> Iterator[str | Broken]:
    joined = b"\n".join(raw) + b"\n"
    if max(map(len, raw)) <= MAX_LINE:
        try:
            yield from joined.decode().replace("\r\n", "\n").split("\n")[:-1]
            return
        except UnicodeDecodeError:
            pass
    yield from map(_one, raw)


def _one(raw: bytes) -> str | Broken:
    if len(raw) > MAX_LINE:
        return Broken(f"longer than {MAX_LINE:,} bytes: {raw[:80].decode(errors='replace')}")
    try:
        return raw.decode().removesuffix("\r")
    except UnicodeDecodeError as error:
        return Broken(
            f"not UTF-8 ({error.reason} at byte {error.start}): {raw[:80].decode(errors='replace')}"
        )
