"""Captions and page texts in seven languages: six the demo recipe keeps, and one it does not want."""

from wit_builder.demo_web.scenes import Scene
from wit_builder.demo_web.tongues_east import JAPANESE, POLISH, RUSSIAN
from wit_builder.demo_web.tongues_west import ENGLISH, FRENCH, GERMAN, SPANISH
from wit_builder.demo_web.vocabulary import Tongue

WANTED = ("en", "de", "fr", "es", "pl", "ja")  # languages of the demo recipe
UNWANTED = "ru"
STYLES = 5  # templates of each language

TONGUES: dict[str, Tongue] = {
    "en": ENGLISH,
    "de": GERMAN,
    "fr": FRENCH,
    "es": SPANISH,
    "pl": POLISH,
    "ja": JAPANESE,
    "ru": RUSSIAN,
}


def caption(scene: Scene, lang: str, style: int = 0) -> str:
    """What can be seen in the scene; lid.176.ftz names the language with a score of 0.5 or more (tested)."""
    return TONGUES[lang].caption(scene, style)
