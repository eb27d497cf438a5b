"""Captions and addresses that the filters of the demo recipe drop, each for one reason only.

The pictures are good, and nobody should ask for them: these pairs go before anything is downloaded.
"""

from dataclasses import replace

from wit_builder.demo_web.museum import Hall, Museum, gallery

MAX_CAPTION = 10_000  # characters, where text/normalize.py cuts
_MEGABYTE = 1_000_000

_BAD = {
    "caption_few_words": ("Sonnenuntergangslandschaft", "Przeciwdeszczowy", "猫"),
    "caption_few_chars": ("X y z", "B 5 a"),
    "caption_file_name": ("our holiday by the sea 0042.jpg", "a rainy day in the old town.PNG"),
    "caption_url": (
        "https://photos.example.org/albums/42 https://photos.example.org/albums/43 www.example.org",
        "mail@example.org office@example.org sales@example.org help@example.org",
    ),
    "caption_no_letters": ("2023 - 07 - 14 / 100 % (3 : 2)", "1 2 3 4 5 6 7 8 9 ★ ★ ★"),
    "caption_repetitive": ("buy now " * 8 + "buy now", "more more more more more more more more"),
    "language_unsure": (
        "Hollim sorvel brant quimp dobri unsar vintop",
        "Lorvan dobri vintop suldra quimp sorvel mochen",
    ),
}


def build(museum: Museum) -> None:
    """Put up the hall."""
    hall = museum.hall("captions")
    for reason, texts in _BAD.items():
        name = reason.replace("_", "-")
        pairs = [
            replace(hall.lost_photo(f"{name}/{n}.jpg", "select", reason), caption=text)
            for n, text in enumerate(texts)
        ]
        hall.page(f"{name}.html", gallery(pairs), pairs)
    _long(hall)
    _unwanted_language(hall)
    _addresses(hall)


def _long(hall: Hall) -> None:
    """1,500 characters, and a megabyte, of which extraction keeps the first 10,000."""
    story = " ".join(hall.caption(f"story/{n}", "en", n) + "." for n in range(200))
    for name, text in (
        ("long", story[:1500].rstrip()),
        ("megabyte", (story + " ") * (_MEGABYTE // len(story))),
    ):
        lost = hall.lost_photo(f"long/{name}.jpg", "select", "caption_long")
        written = replace(lost, caption=text)
        hall.page(
            f"{name}-caption.html", gallery([written]), [replace(lost, caption=text[:MAX_CAPTION].rstrip())]
        )


def _unwanted_language(hall: Hall) -> None:
    pairs = [hall.lost_photo(f"russian/{n}.jpg", "select", "language_unwanted", lang="ru") for n in range(3)]
    hall.page("russian.html", gallery(pairs), pairs, lang="ru")


def _addresses(hall: Hall) -> None:
    lost = {
        "url_extension": ("drawings/harbour.svg", "drawings/window.ico", "drawings/film.mp4"),
        "url_icon": ("pictures/spacer.gif", "pictures/icon-32x32.png", "emoji/sunshine.png"),
    }
    for reason, paths in lost.items():
        pairs = [hall.lost_photo(path, "select", reason) for path in paths]
        hall.page(f"{reason.replace('_', '-')}.html", gallery(pairs), pairs)
