"""Every filter judges a made-up item twice, and a model of languages reads one text, before anything is started.

They are met after the crawl, which may take days; a filter that fails whatever it is given, or returns a bool, and
a model that cannot be loaded, are found out here.
"""

import inspect
from dataclasses import fields
from datetime import UTC, datetime
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, get_origin, get_type_hints

import pyarrow as pa
from PIL import Image

from wit_builder import settings
from wit_builder.errors import ConfigError, WitError
from wit_builder.filtering import Verdict, may_drop, verdicts_of
from wit_builder.images.picture import Format
from wit_builder.model import load
from wit_builder.recipe import Recipe
from wit_builder.records import CANDIDATE_SCHEMA, SAMPLE_SCHEMA, Candidate, Sample, to_table
from wit_builder.text import language

_VALUES = {str: "", int: 1, float: 1.0, bool: False, tuple: (), datetime: datetime(2000, 1, 1, tzinfo=UTC)}
_TEXTS = {
    "url": "https://example.org/a.jpg",
    "page_url": "https://example.org/",
    "caption": "a cat on a red sofa",
    "text_source": "alt",
    "lang": "en",
    "id": "0" * 32,
    "phash": "0" * 64,
    "sha256": "0" * 64,
}


def try_filters(recipe: Recipe) -> None:
    """Raise ConfigError for a filter that fails, or gives anything but a Verdict; for a score that none stores."""
    for rule in recipe.candidate_filters:
        _try(rule, _made_up(Candidate))
    picture = _picture(recipe.image.format)
    said = [_try(rule, _made_up(Sample), picture) for rule in recipe.sample_filters]
    stored = sorted(name for verdict in said for name, _ in verdict.scores)
    if twice := [name for name, again in pairwise(stored) if name == again]:
        raise ConfigError(f"two of sample_filters store a score {twice[0]!r}", "leave one of them out")
    if recipe.top is not None and recipe.top.score not in stored:
        raise ConfigError(
            f"Recipe.top is by {recipe.top.score!r}; scores of sample_filters: {', '.join(stored) or 'none'}",
            f'Top("{stored[0]}")' if stored else "put the rule that stores it among them, such as ClipScore",
        )
    if recipe.duplicates.semantic is not None:
        load.clip_of(recipe.duplicates.semantic)
    load.forget()  # each worker loads its own


def try_language(recipe: Recipe) -> None:
    """Raise ConfigError for a model of languages that cannot be loaded, or is one of something else."""
    language.read(recipe.language.path)


def _try(rule: Any, item: Any, picture: bytes | None = None) -> Verdict:
    name = type(rule).__name__
    try:
        said, _ = verdicts_of(rule, [item, item], None if picture is None else lambda _: picture)
        called_for = may_drop(rule, _rows(item))
    except WitError as error:
        raise ConfigError(f"filter {name}: {error}", error.hint) from error
    except Exception as error:
        file = Path(inspect.getfile(type(rule)))
        raise ConfigError(f"filter {name} fails: {settings.failure(error, file)}") from error
    if not (called_for[0] or said.kept):
        raise ConfigError(
            f"filter {name} drops what its may_drop passes over",
            "may_drop returns bool [rows], true for each row that the filter drops",
        )
    return said


def _picture(format: Format) -> bytes:
    file = BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, "jpeg" if format == "jpg" else format)
    return file.getvalue()


def _made_up(record: type) -> Any:
    hints = get_type_hints(record)
    return record(**{f.name: _TEXTS.get(f.name, _value(hints[f.name])) for f in fields(record)})


def _rows(item: Any) -> pa.Table:
    return to_table([item], CANDIDATE_SCHEMA if isinstance(item, Candidate) else SAMPLE_SCHEMA)


def _value(hint: Any) -> Any:
    return _VALUES[get_origin(hint) or hint]
