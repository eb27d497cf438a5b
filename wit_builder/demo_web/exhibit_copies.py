"""The same picture more than once: which copies must go, which one stays, and which copies no hash can see."""

from dataclasses import replace
from html import escape

from wit_builder.demo_web.answers import Answer
from wit_builder.demo_web.expected import PLACEHOLDER_CAPTIONS, Pair
from wit_builder.demo_web.museum import Hall, Museum, gallery
from wit_builder.demo_web.pictures import encode, unavailable


def build(museum: Museum) -> None:
    """Put up the hall."""
    hall = museum.hall("copies")
    for transform in (
        "exact",
        "resized",
        "enlarged",
        "reencoded",
        "mirrored",
        "cropped",
        "rotated",
        "bordered",
    ):
        _one_copy(hall, transform)
    _three_of_a_kind(hall)
    _stronger_text(hall)
    _repeated_pair(hall)
    _one_address_many_texts(hall)
    _placeholders(hall)
    _nearly_placeholders(hall)


def _one_copy(hall: Hall, transform: str) -> None:
    original = hall.photo(f"{transform}/original.jpg")
    copy = hall.photo(f"{transform}/copy.jpg", of=f"{transform}/original.jpg", transform=transform)
    hall.page(f"{transform}.html", gallery([original, copy]), [original, copy])


def _three_of_a_kind(hall: Hall) -> None:
    """A chain: a small WebP, a worse JPEG and two files of the same bytes, all of one picture."""
    original = hall.photo("chain/original.jpg")
    same = hall.photo("chain/same.jpg", of="chain/original.jpg", transform="exact")
    worse = hall.photo("chain/worse.jpg", of="chain/original.jpg", transform="reencoded")
    small = hall.photo("chain/small.webp", of="chain/original.jpg", transform="resized", form="webp")
    hall.page("chain-1.html", gallery([small, worse]), [small, worse])
    hall.page("chain-2.html", gallery([same, original]), [same, original])


def _stronger_text(hall: Hall) -> None:
    """Same bytes: the alt stays, the figcaption goes, whatever their ids."""
    for n in (1, 2, 3):
        weak = hall.photo(f"text-{n}/weak.jpg", source="figcaption")
        strong = hall.photo(f"text-{n}/strong.jpg", of=f"text-{n}/weak.jpg", transform="exact")
        figure = f'<figure><img src="{weak.url}"><figcaption>{escape(weak.caption)}</figcaption></figure>'
        hall.page(f"stronger-text-{n}.html", figure + gallery([strong]), [weak, strong])


def _repeated_pair(hall: Hall) -> None:
    pair = hall.photo("repeated/pair.jpg")
    for n in (1, 2, 3):
        hall.page(f"repeated-pair-{n}.html", gallery([pair]), [pair])


def _one_address_many_texts(hall: Hall) -> None:
    """Two alts: the smaller id stays. A figcaption and an alt: the alt stays. Decided before any download."""
    one, other = _renamed(hall, "renamed/two-alts.jpg", "alt")
    hall.page("two-alts.html", gallery([one, other]), [one, other])
    alt, caption = _renamed(hall, "renamed/alt-and-figcaption.jpg", "figcaption")
    figure = f'<figure><img src="{caption.url}"><figcaption>{escape(caption.caption)}</figcaption></figure>'
    hall.page("alt-and-figcaption.html", figure + gallery([alt]), [caption, alt])


def _renamed(hall: Hall, path: str, source: str) -> tuple[Pair, Pair]:
    pair = hall.photo(path)
    return pair, replace(pair, caption=hall.caption(pair.url, "de", 2), source=source)


def _placeholders(hall: Hall) -> None:
    """ "Image not available" under 12 addresses and 12 captions: all of them go."""
    body = encode(unavailable(), "png")
    pairs = _of_one_file(
        hall, "unavailable", Answer(body=body, content_type="image/png"), PLACEHOLDER_CAPTIONS + 2
    )
    hall.page("unavailable-1.html", gallery(pairs[:5]), pairs[:5])
    hall.page("unavailable-2.html", gallery(pairs[5:]), pairs[5:])


def _nearly_placeholders(hall: Hall) -> None:
    """One caption less than a placeholder has: one of them stays."""
    paths = [f"popular/{n}.jpg" for n in range(PLACEHOLDER_CAPTIONS - 1)]
    pairs = [hall.photo(path, of=paths[0], transform="exact" if n else "") for n, path in enumerate(paths)]
    pairs = [replace(pair, caption=_told(hall, "popular", n)) for n, pair in enumerate(pairs)]
    hall.page("popular.html", gallery(pairs), pairs)


def _of_one_file(hall: Hall, name: str, answer: Answer, count: int) -> list[Pair]:
    pairs = []
    for n in range(count):
        url = hall.url(f"{name}/{n}.png")
        hall.serve(url, answer)
        pairs.append(Pair(url, _told(hall, name, n), image=name, look=name, area=400 * 300))
    return pairs


def _told(hall: Hall, name: str, n: int) -> str:
    """A caption that no other number gets."""
    return f"{hall.caption(f'{name}/{n}', 'en', 1)}, number {n + 1} of our journey"
