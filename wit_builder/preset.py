"""What a preset is: the rules of one data set, each with the place where its thresholds stand."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from wit_builder.curation.settings import Balance, BalanceRule, Duplicates, Top
from wit_builder.errors import ConfigError
from wit_builder.queries.settings import Queries
from wit_builder.queries.settings import Rule as QueryRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What some presets need, each None where it is not at hand.

    tagger: folder of a part-of-speech tagger (`CaptionParts.model`). vocabulary: words with counts
    (`CaptionKnownWords.file`). profanity: words that no caption may hold (`CaptionBlockedWords.file`). clip: weights
    of the CLIP model that the preset names (`ClipScore.checkpoint`).
    """

    tagger: Path | None = None
    vocabulary: Path | None = None
    profanity: Path | None = None
    clip: Path | None = None

    @classmethod
    def named(cls, given: tuple[str, ...]) -> "Files":
        """Of texts such as `tagger=FOLDER`. Raises ConfigError for another name, or one without a path."""
        names = [field.name for field in fields(cls)]
        found: dict[str, Path] = {}
        for text in given:
            name, _, path = text.partition("=")
            if name not in names or not path or name in found:
                raise ConfigError(
                    f"--given {text!r} names no file, expected one of {', '.join(names)} once",
                    f"--given {names[0]}=PATH",
                )
            found[name] = Path(path)
        return cls(**found)


NO_FILES = Files()


@dataclass(frozen=True, slots=True)
class Step:
    """A rule of a preset, and where its thresholds stand."""

    rule: Any
    source: str


@dataclass(frozen=True, slots=True)
class Wanting:
    """A rule of a preset that needs a file which is not named."""

    file: str  # a field of Files
    says: str  # what it asks of a pair
    source: str

    def __str__(self) -> str:
        return f"without --given {self.file}=PATH: {self.says}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One data set's rules. query_rule, balance_rule: how queries that the user names are matched and balanced."""

    title: str
    before: tuple[Step | Wanting, ...]  # the download
    after: tuple[Step | Wanting, ...]
    duplicates: Duplicates
    left_out: tuple[str, ...]  # what the data set's makers did besides
    top: Top | None = None  # which of all are the best; None where the rule that scores them lacks its file
    query_rule: QueryRule = "words"
    balance_rule: BalanceRule = "cap"

    @property
    def missing(self) -> tuple[Wanting, ...]:
        """The rules that are left out for want of a file."""
        return tuple(step for step in (*self.before, *self.after) if isinstance(step, Wanting))

    @property
    def wanting(self) -> frozenset[str]:
        """The files, by their names in Files, without which some of its rules are missing."""
        return frozenset(step.file for step in self.missing)

    def queries(self, path: str) -> Queries | None:
        """The list in that file, matched as the preset does; none is asked for where no file is named."""
        return Queries(files=(path,), rule=self.query_rule) if path else None

    def balance(self, path: str, per_query: int | None) -> Balance | None:
        """The preset's balance over the list's queries: CLIP's 20,000 pairs of each when None, no balance for 0.

        Raises ConfigError for a number without a list.
        """
        if per_query is not None and not path:
            raise ConfigError(
                f"--per-query {per_query} limits the pairs of each query, and no queries are named",
                "--queries FILE",
            )
        if not path or per_query == 0:
            return None
        return Balance(self.balance_rule) if per_query is None else Balance(self.balance_rule, per_query)

    @property
    def candidate_filters(self) -> tuple[Any, ...]:
        """The rules for a recipe's field of that name."""
        return tuple(step.rule for step in self.before if isinstance(step, Step))

    @property
    def sample_filters(self) -> tuple[Any, ...]:
        """The rules for a recipe's field of that name."""
        return tuple(step.rule for step in self.after if isinstance(step, Step))

    def __str__(self) -> str:
        lines = [self.title]
        for step in (*self.before, *self.after):
            what = str(step) if isinstance(step, Wanting) else repr(step.rule)
            lines += [f"  {what}", f"      {step.source}"]
        lines += [f"  {value!r}" for value in (self.top, self.duplicates) if value is not None]
        lines += [f"  left out: {text}" for text in self.left_out]
        return "\n".join(lines)
