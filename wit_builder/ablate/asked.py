"""What is asked: a pool, and the recipe by which each preset judges it."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wit_builder import settings
from wit_builder.ablate.pool import Pool
from wit_builder.ablate.sets import MOST
from wit_builder.ablate.trained import Trial
from wit_builder.errors import ConfigError
from wit_builder.preset import Preset
from wit_builder.queries.listing import load
from wit_builder.queries.settings import Queries
from wit_builder.recipe import Recipe
from wit_builder.text.language import LanguageModel

_RULES = (
    "candidate_filters",
    "sample_filters",
    "top",
    "duplicates",
    "queries",
    "balance",
)  # fields of a recipe


@dataclass(frozen=True, slots=True)
class Asked:
    """A pool and the presets that are to judge it.

    queries: file of queries, one of which a caption must hold, "" for none; per_query: pairs that a query may bring
    in, CLIP's 20,000 when None, 0 for no balance; both by the rules of each preset. trial: what is trained on what
    each keeps, if anything.
    """

    pool: Pool
    presets: Mapping[str, Preset]
    queries: str = ""
    per_query: int | None = None
    trial: Trial | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.presets) <= MOST:
            raise ConfigError(f"{len(self.presets)} presets are to be compared, expected 1 to {MOST}")

    def recipes(self) -> dict[str, Recipe]:
        """By preset. Languages are told as the pool's recipe has it; nothing else of it counts."""
        source = settings.decode(self.pool.recipe["source"])
        language = settings.decode(self.pool.recipe.get("language")) or LanguageModel()
        return {
            name: Recipe(
                name=name,
                source=source,
                language=language,
                candidate_filters=preset.candidate_filters,
                sample_filters=preset.sample_filters,
                top=preset.top,
                duplicates=preset.duplicates,
                queries=preset.queries(self.queries),
                balance=preset.balance(self.queries, self.per_query),
            )
            for name, preset in self.presets.items()
        }

    def encoded(self) -> dict[str, Any]:
        """All that decides what comes out, as JSON. Raises ConfigError for queries that cannot be read."""
        recipes = self.recipes()
        return {
            "pool": {
                "name": str(self.pool.recipe["name"]),
                "manifest": self.pool.manifest,
                "pairs": self.pool.pairs,
                "shards": len(self.pool.shards),
            },
            "queries": {name: _digest(recipe.queries) for name, recipe in recipes.items() if recipe.queries},
            "rules": {
                name: {rule: settings.encode(getattr(recipe, rule)) for rule in _RULES}
                for name, recipe in recipes.items()
            },
            "train": self.trial and self.trial.encoded(),
        }


def _digest(queries: Queries) -> str:
    """The sha256 of the queries as they are now."""
    entries = sorted(query.entry for query in load(queries, Counter()))
    return hashlib.sha256("\n".join(entries).encode("utf-8", "surrogatepass")).hexdigest()
