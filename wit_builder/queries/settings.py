"""Which queries a recipe asks for, and what counts as a match."""

from dataclasses import dataclass
from typing import Literal

from wit_builder.errors import ConfigError

Rule = Literal["words", "metaclip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """Queries of which a pair's text must hold one.

    Raises ConfigError where there is neither a file nor an entry, or both; for a blank entry or file; and for
    `exact_case` where the rule knows no other case.
    """

    files: tuple[str, ...] = ()  # of `wit queries build`, MetaCLIP's metadata.json, or an entry a line
    entries: tuple[str, ...] = ()  # given here instead
    rule: Rule = "words"  # whole words in one normal form, or MetaCLIP's own (its substr_matching.py)
    exact_case: tuple[str, ...] = ()  # sources whose entries match in their own case only
    required: bool = True  # whether a pair without a match is dropped, as no_query

    def __post_init__(self) -> None:
        if bool(self.files) == bool(self.entries):
            raise ConfigError(
                f"Queries has {'both' if self.files else 'neither'} files {'and' if self.files else 'nor'} entries",
                'files=("queries.tsv",), or entries=("red car", "lighthouse")',
            )
        for name in ("files", "entries", "exact_case"):
            if not all(isinstance(value, str) and value.strip() for value in getattr(self, name)):
                raise ConfigError(f"Queries.{name} holds a blank, expected a text")
        if self.exact_case and self.rule == "metaclip":
            raise ConfigError(
                "Queries.exact_case is given with the rule 'metaclip', which always keeps to the case",
                "leave exact_case out",
            )
