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
    texts: dict[str, tuple[bool, int, int, str]] = {}
    for source, raw in found:
        if (place := rank.get(source)) is not None and (text := fold(raw)):
            known = texts.get(text)
            if known is None:
                weak = is_file_name(text) or not (text[0].isalpha() or has_letter(text))
                texts[text] = (weak, place, len(texts), source)
            elif place < known[1]:
                texts[text] = (known[0], place, known[2], source)
    if len(texts) == 1:
        return tuple(Text(text, source) for text, (_, _, _, source) in texts.items())
    order = sorted(texts, key=texts.__getitem__)
    return tuple(Text(text, texts[text][3]) for text in order[:MAX_TEXTS])
