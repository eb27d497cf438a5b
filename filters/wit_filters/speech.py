"""The rule that asks for parts of speech, as a tagger tells them that the recipe names by path."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import orjson

from wit_builder.errors import ConfigError
from wit_builder.filtering import KEPT, Verdict
from wit_builder.records import HasCaption
from wit_filters.bounds import check_path, check_range

Part = Literal["noun", "determiner", "preposition"]

MAX_WORDS = 256  # of a caption that are tagged
MAX_MODEL_BYTES = 256 << 20

# Of the Penn Treebank (NLTK's English models) and of Universal Dependencies.
_TAGS: dict[Part, frozenset[str]] = {
    "noun": frozenset({"NN", "NNS", "NNP", "NNPS", "NOUN", "PROPN"}),
    "determiner": frozenset({"DT", "PDT", "WDT", "PRP$", "WP$", "DET"}),
    "preposition": frozenset({"IN", "TO", "ADP"}),
}
_FILES = ("weights", "tagdict", "classes")
_HINT = "give the folder averaged_perceptron_tagger_eng of NLTK's data, which holds three JSON files"


@dataclass(frozen=True, slots=True)
class CaptionParts:
    """Drops captions without the parts of speech of a sentence that describes: "sale sale", "Berlin Paris Rome".

    model: folder of an averaged perceptron tagger as NLTK stores it (three JSON files; nothing in them is run), such
        as `averaged_perceptron_tagger_eng` of NLTK's data, or one trained with NLTK. Tags are the Penn Treebank's or
        Universal Dependencies'. Needs `pip install 'wit-builder[speech]'`.
    required: parts that must occur. All three, the default, is CC3M's rule (paper, section on text-based filtering);
        CC12M asks for noun and determiner (its data card), COYO-700M for a noun (README). Possessives count as
        determiners; the tagger of the papers was Google's, whose answers may differ.
    max_noun_share: nouns among the words, at most. CC3M drops high shares and does not say from where on.
    At most the first 256 words are read.

    Drops for: `caption_no_noun`, `caption_no_determiner`, `caption_no_preposition`, `caption_nouns`.
    """

    model: Path
    required: tuple[Part, ...] = ("noun", "determiner", "preposition")
    max_noun_share: float = 1.0

    def __post_init__(self) -> None:
        check_range(self, "max_noun_share", 0, 1)
        if not isinstance(self.required, tuple) or not set(self.required) <= set(get_args(Part)):
            raise ConfigError(
                f"CaptionParts.required is {self.required!r}, expected some of {', '.join(get_args(Part))}"
            )
        check_path(self, "model")
        _tagger(self.model)

    def __call__(self, item: HasCaption, /) -> Verdict:  # noqa: D102
        tags = _tagger(self.model)(item.caption)
        for part in self.required:
            if _TAGS[part].isdisjoint(tags):
                return Verdict(f"caption_no_{part}", " ".join(tags)[:100] or "no words")
        nouns = sum(tag in _TAGS["noun"] for tag in tags)
        words = sum(tag[:1].isalpha() for tag in tags)
        if nouns > self.max_noun_share * words:
            return Verdict("caption_nouns", f"{nouns} of {words} words")
        return KEPT


@lru_cache(maxsize=4)
def _tagger(model: Path) -> Callable[[str], Sequence[str]]:
    """What tags a text. Raises ConfigError where NLTK or the model is not there, or is another thing."""
    try:
        from nltk.tag.perceptron import PerceptronTagger
        from nltk.tokenize.destructive import NLTKWordTokenizer
    except ImportError:
        raise ConfigError("CaptionParts needs NLTK", "pip install 'wit-builder[speech]'") from None
    tagger, tokenizer = PerceptronTagger(load=False), NLTKWordTokenizer()
    tagger.decode_json_params(_params(model))

    def tags(text: str) -> Sequence[str]:
        words = tokenizer.tokenize(text[: MAX_WORDS * 8])[:MAX_WORDS]
        return [tag for _, tag in tagger.tag(words)]

    return tags


def _params(model: Path) -> tuple[Any, ...]:
    params = tuple(_json(model, name) for name in _FILES)
    weights, tagdict, classes = params
    shaped = isinstance(weights, dict) and all(isinstance(held, dict) for held in weights.values())
    if not (shaped and isinstance(tagdict, dict) and isinstance(classes, list) and classes):
        raise ConfigError(f"{str(model)!r} holds no averaged perceptron tagger", _HINT)
    if not any(set(classes) & tags for tags in _TAGS.values()):
        raise ConfigError(
            f"the tagger {str(model)!r} has tags {sorted(classes)[:5]}, expected NN, DT, IN or NOUN, DET",
            _HINT,
        )
    return params


def _json(model: Path, name: str) -> Any:
    found = sorted(model.glob(f"*.{name}.json")) if model.is_dir() else []
    if len(found) != 1:
        raise ConfigError(f"{str(model)!r} holds {len(found)} files *.{name}.json, expected 1", _HINT)
    try:
        if found[0].stat().st_size > MAX_MODEL_BYTES:
            raise ConfigError(f"{found[0]} is larger than 256 MiB", _HINT)
        return orjson.loads(found[0].read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{found[0]} cannot be read: {error}", _HINT) from None
