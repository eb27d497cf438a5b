"""Which of the texts found for an image is its caption: one written rule."""

from collections.abc import Callable, Iterable, Mapping

from wit_builder.records import Text
from wit_builder.text.normalize import fold, has_letter, is_file_name

TEXT_SOURCES = (
    "alt",
    "figcaption",  # also WordPress' older .wp-caption-text
    "aria-label",
    "aria-labelledby",
    "title",
    "og:image:alt",
    "twitter:image:alt",
    "json-ld",  # caption, description or name of an ImageObject
    "data-caption",  # data-caption, data-image-title
    "link-title",  # title, data-title, data-caption, aria-label of a link to the image itself (light boxes)
    "json-ld:about",  # name of the thing whose `image` it is
)
"""Where texts stand, the strongest first; a candidate's `text_source` is always one of these."""

MAX_TEXTS = 16  # of one image


def ranked(
    found: Iterable[tuple[str, str]], rank: Mapping[str, int], fold: Callable[[str], str] = fold
) -> tuple[Text, ...]:
    """The texts, folded, the caption first; without empty ones, equal ones and sources that have no rank.

    found: (source, text) as they stood. rank: of the sources that count, 0 the strongest. fold: gives a text its
    one form.
    Strongest is the text of the strongest source that says something: a name of a file, or a text without a
    letter, comes after every other. Texts of one source keep their order.
    """
    texts: dict[str, tuple[int, int, str]] = {}
    for source, raw in found:
        if (place := rank.get(source)) is not None and (text := fold(raw)):
            known = texts.get(text)
            if known is None:
                texts[text] = (place, len(texts), source)
            elif place < known[0]:
                texts[text] = (place, known[1], source)
    order = sorted(texts, key=lambda text: (_is_weak(text), texts[text])) if len(texts) > 1 else list(texts)
    return tuple(Text(text, texts[text][2]) for text in order[:MAX_TEXTS])


def _is_weak(text: str) -> bool:
    return is_file_name(text) or not (text[0].isalpha() or has_letter(text))
