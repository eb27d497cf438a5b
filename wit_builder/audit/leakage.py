"""What a duplicate in the shards gives away of an evaluation image besides its pixels.

Section 5 of the CLIP paper found that Country211 overlaps most and gains least, because captions do not name the
place: an image that was seen tells a model its class only where the caption does.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from wit_builder.text.words import forms

Leak = Literal["image", "class", "caption"]


def of_classes(captions: Sequence[str | None], names: Sequence[Sequence[str]]) -> list[Leak]:
    """class where the duplicate's caption has one of the image's class names in it, whole words; else image.

    captions: of the duplicates. names: of each image's class, one or more.
    """
    found = forms([caption or "" for caption in captions])
    return [
        "class" if any(_has(text, name) for name in forms(list(own))) else "image"
        for text, own in zip(found, names, strict=True)
    ]


def of_captions(captions: Sequence[str | None], own: Sequence[Sequence[str]]) -> list[Leak]:
    """caption where the duplicate's caption is one of the image's own, word for word; else image.

    captions: of the duplicates. own: the captions that the evaluation set has of each image.
    """
    found = forms([caption or "" for caption in captions])
    return [
        "caption" if text and text in forms(list(theirs)) else "image"
        for text, theirs in zip(found, own, strict=True)
    ]


def said(kind: str, leaks: Mapping[str, int]) -> str:
    """In words what captions give away of a set of that kind; "" where they cannot. leaks: of images, how often."""
    every = sum(leaks.values())
    if not every or kind not in ("classes", "captions"):
        return ""
    if kind == "classes":
        return f"captions name the class of {leaks.get('class', 0):,} of {every:,} images that overlap"
    return f"captions are the set's own for {leaks.get('caption', 0):,} of {every:,} images that overlap"


def _has(text: str, name: str) -> bool:
    return bool(name) and f" {name} " in f" {text} "
