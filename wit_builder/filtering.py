"""How filters speak: a verdict that carries its reason, and the function that applies them in order."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn, Protocol, TypeVar

from wit_builder.errors import ConfigError

_SNAKE_CASE = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a filter says of one item: kept, or dropped for a reason."""

    reason: str | None = None  # None: kept. Else snake_case, a key of the stage's counts
    evidence: str = ""  # what was seen, short

    def __post_init__(self) -> None:
        if self.reason is not None and not _SNAKE_CASE.fullmatch(self.reason):
            raise ConfigError(
                f"a verdict's reason is {self.reason!r}, expected snake_case", 'Verdict("too_dark")'
            )

    @property
    def kept(self) -> bool:
        """Whether the item stays."""
        return self.reason is None

    def __bool__(self) -> NoReturn:
        raise TypeError("a Verdict is neither true nor false; read verdict.kept")


KEPT = Verdict()

ItemT = TypeVar("ItemT", contravariant=True)


class Filter(Protocol[ItemT]):
    """A frozen dataclass, called with one item; what it may read of the item is in the argument's type."""

    def __call__(self, item: ItemT, /) -> Verdict: ...  # noqa: D102


def judge(item: ItemT, filters: Iterable[Filter[ItemT]]) -> Verdict:
    """The verdict of the first filter that drops the item, or KEPT."""
    for rule in filters:
        verdict = rule(item)
        if not verdict.kept:
            return verdict
    return KEPT
