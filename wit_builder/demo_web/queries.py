"""The queries of the demo web, and which of them a caption holds.

Its things in six languages, each for itself rare enough for all of its pairs; words that half of the English
captions hold; and two that none does. `VAGUE` says nothing but frequent words, `WORDLESS` holds no query.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from wit_builder.demo_web.captions import TONGUES, WANTED
from wit_builder.demo_web.scenes import COLOURS, Scene

VAGUE = "A picture that we took {mood}, and one of very many"
WORDLESS = "Number {n} of all those that we liked best when we came home again"

_FREQUENT = ("picture", "view", "sea", "meadow", "sunset", "rain")
_NEVER = ("dragon", "harvest moon")
_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")  # kana and Han: written without spaces


def _entries() -> Iterator[str]:
    for lang in WANTED:
        for noun in TONGUES[lang].nouns.values():
            yield from (noun.one, noun.many)
    yield from (*COLOURS, *_FREQUENT, *_NEVER)


ENTRIES = tuple({entry.casefold(): entry for entry in _entries()}.values())  # a cup is Tasse and tasse


def vague(scene: Scene) -> str:
    """A caption that names the mood of the scene, and no thing."""
    return VAGUE.format(mood=TONGUES["en"].moods[scene.mood])


def held(caption: str, entries: Sequence[str]) -> list[str]:
    """The entries whose words stand in the caption one behind the other, in any case."""
    text, run = _words(caption), caption.casefold()
    return [
        entry for entry in entries if (entry in run if _UNSPACED.search(entry) else _words(entry) in text)
    ]


@lru_cache(maxsize=4096)
def _words(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.casefold()))} "
