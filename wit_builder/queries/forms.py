"""What entries and captions are compared by, under either rule."""

from collections.abc import Iterator, Sequence

from wit_builder.queries import metaclip
from wit_builder.queries.settings import Rule
from wit_builder.text import words

_AT_ONCE = 1 << 18  # characters that are looked at together


def forms(entries: Sequence[str], rule: Rule) -> Iterator[tuple[list[str], str]]:
    """Of each entry its words as they are compared, and all of them in their own case.

    No words where it can match nothing.
    """
    if rule == "metaclip":
        yield from ((metaclip.words(entry), entry) for entry in entries)
        return
    for first, last in portions(entries):
        split = words.split(entries[first:last], cased=True)
        yield from zip(map(str.split, split.texts()), split.cased_texts(), strict=True)


def portions(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First and behind the last of the texts that are looked at together; one portion at least."""
    first = size = 0
    for number, text in enumerate(texts):
        if size and size + len(text) > _AT_ONCE:
            yield first, number
            first, size = number, 0
        size += len(text) + 1
    yield first, len(texts)
