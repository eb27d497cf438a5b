"""Checks of a rule's own numbers, made when the rule is written down, not when the millionth item arrives."""

from pathlib import Path
from typing import Any

from wit_builder.errors import ConfigError


def check_range(rule: object, field: str, low: float, high: float = float("inf")) -> None:
    """Raise ConfigError unless `rule.field` is a number from low to high, both included. NaN is outside."""
    value: Any = getattr(rule, field)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        due = f"at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
        raise ConfigError(f"{type(rule).__name__}.{field} is {value!r}, expected {due}")


def check_order(rule: object, low: str, high: str) -> None:
    """Raise ConfigError when the field `low` is above the field `high`: nothing could pass."""
    least, most = getattr(rule, low), getattr(rule, high)
    if least > most:
        name = type(rule).__name__
        raise ConfigError(f"{name}.{low} is {least!r}, above {name}.{high}, which is {most!r}")


def check_words(rule: object, field: str, alphabet: str) -> None:
    """Raise ConfigError unless `rule.field` is a tuple of words made of the characters of the alphabet."""
    words: Any = getattr(rule, field)
    if not isinstance(words, tuple):
        raise ConfigError(f"{type(rule).__name__}.{field} is {words!r}, expected a tuple of words")
    for word in words:
        if not isinstance(word, str) or not word or not set(word) <= set(alphabet):
            raise ConfigError(f"{type(rule).__name__}.{field} holds {word!r}, expected only {alphabet}")


def check_texts(rule: object, field: str) -> None:
    """Raise ConfigError unless `rule.field` is a tuple of texts, one at least."""
    texts: Any = getattr(rule, field)
    if not isinstance(texts, tuple) or not texts or not all(isinstance(one, str) and one for one in texts):
        raise ConfigError(
            f"{type(rule).__name__}.{field} is {texts!r}, expected a tuple of texts: ('a logo',)"
        )


def check_path(rule: object, field: str) -> None:
    """Raise ConfigError unless `rule.field` is a Path."""
    value: Any = getattr(rule, field)
    if not isinstance(value, Path):
        raise ConfigError(f"{type(rule).__name__}.{field} is {value!r}, expected a Path", f"Path({value!r})")
