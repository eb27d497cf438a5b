"""Images as they lie in the tars that the fetch stage wrote."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa

from wit_builder import mirror
from wit_builder.errors import BuildError
from wit_builder.objects import Objects

WINDOW = 32 << 20  # bytes of images that are read ahead from a store
GAP = 64 << 10  # bytes between two of them that are read along rather than asking twice
SPAN = 8 << 20  # bytes of one request, about

Image = tuple[str, int, int]  # tar, offset, length
Span = tuple[str, int, int]  # tar, start, end


def image(folder: Path, tar: str, offset: int, length: int) -> bytes:
    """The image of that place. folder: the one that `tar` is relative to.

    Opening the tar each time takes 4 us for 30 KB, with the tar open 2. Raises BuildError when the tar is cut.
    """
    path = folder / tar
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        found = file.read(length)
    if len(found) != length:
        raise BuildError(
            f"staged tar {path} ends before its image at byte {offset}",
            f"rm -r {folder.parent}, then run the same command again with `--resume`: all is fetched anew",
        )
    return found


def images(folder: Path, rows: pa.Table) -> Callable[[str, int, int], bytes]:
    """`image` for the samples of these rows (columns tar, offset, length).

    Where the folder is a store's they are read many at a time, best asked for in the order of the rows.
    """
    if (behind := mirror.behind(folder)) is None:
        return partial(image, folder)
    places = zip(*(rows.column(name).to_pylist() for name in ("tar", "offset", "length")), strict=True)
    return _Ahead(*behind, list(places))


class _Ahead:
    """Images of a store, a window of them in memory."""

    def __init__(self, objects: Objects, base: str, images: Sequence[Image]) -> None:
        self._objects, self._base, self._images = objects, base, images
        self._number = {place: number for number, place in enumerate(images)}
        self._window: dict[Image, bytes] = {}

    def __call__(self, tar: str, offset: int, length: int) -> bytes:
        place = (tar, offset, length)
        if place not in self._window:
            self._window = dict(self._read(self._from(self._number[place])))
        return self._window[place]

    def _from(self, first: int) -> list[Image]:
        """Those from that number on, of WINDOW bytes or one."""
        size = 0
        for number in range(first, len(self._images)):
            size += self._images[number][2]
            if size > WINDOW and number > first:
                return list(self._images[first:number])
        return list(self._images[first:])

    def _read(self, wanted: list[Image]) -> Iterator[tuple[Image, bytes]]:
        found = spans(wanted)
        for (_, start, _), data, inside in zip(
            found, mirror.each(self._bytes, list(found)), found.values(), strict=True
        ):
            for place in inside:
                at = place[1] - start
                yield place, data[at : at + place[2]]

    def _bytes(self, span: Span) -> bytes:
        tar, start, end = span
        return self._objects.bytes_of(f"{self._base}/{tar}", start, end)


def spans(wanted: Sequence[Image]) -> dict[Span, list[Image]]:
    """The requests that get these images, each with those it gets: neighbours in a tar come together."""
    found: dict[Span, list[Image]] = {}
    held: list[Image] = []
    for place in sorted(set(wanted)):
        tar, offset, length = place
        if held and not (
            held[0][0] == tar and offset - sum(held[-1][1:]) <= GAP and offset + length - held[0][1] <= SPAN
        ):
            found[_span(held)] = held
            held = []
        held.append(place)
    if held:
        found[_span(held)] = held
    return found


def _span(held: Sequence[Image]) -> Span:
    """From the first of them to the end of the last."""
    return held[0][0], held[0][1], max(offset + length for _, offset, length in held)
