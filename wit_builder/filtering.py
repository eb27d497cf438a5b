"""How filters speak: a verdict that carries its reason, and the function that applies them in order."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol, TypeVar, runtime_checkable

from wit_builder.errors import ConfigError

_SNAKE_CASE = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a filter says of one item: kept, or dropped for a reason."""

    reason: str | None = None  # None: kept. Else snake_case, a key of the stage's counts
    evidence: str = ""  # what was seen, short
    scores: tuple[tuple[str, float], ...] = ()  # what was measured, by name; stored with the sample

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


@runtime_checkable
class BatchFilter(Protocol[ItemT]):
    """A frozen dataclass that judges many samples and their images at once: a rule that asks a model.

    judge: gets some items and, as they are iterated, their stored images, whole files; gives a verdict for each.
    """

    def judge(self, items: Sequence[ItemT], images: Iterable[bytes], /) -> Sequence[Verdict]: ...  # noqa: D102


def judge(
    items: Sequence[ItemT],
    filters: Iterable[Filter[ItemT] | BatchFilter[ItemT]],
    image: Callable[[ItemT], bytes] | None = None,
) -> list[Verdict]:
    """For each item the verdict of the first filter that drops it, or that it is kept.

    A filter sees what those before it kept; the scores of all that saw it add up.
    image: gives an item's stored image, a whole file; None where no filter is a BatchFilter.
    """
    verdicts = [KEPT] * len(items)
    left = list(range(len(items)))
    for rule in filters:
        said = _said(rule, [items[i] for i in left], image)
        for i, verdict in zip(left, said, strict=True):
            before = verdicts[i].scores
            verdicts[i] = replace(verdict, scores=before + verdict.scores) if before else verdict
        left = [i for i in left if verdicts[i].kept]
    return verdicts


def _said(
    rule: Filter[ItemT] | BatchFilter[ItemT], items: Sequence[ItemT], image: Callable[[ItemT], bytes] | None
) -> Iterable[Verdict]:
    if isinstance(rule, BatchFilter):
        assert image is not None, "a BatchFilter stands where nothing is downloaded"
        return rule.judge(items, map(image, items))
    return map(rule, items)
