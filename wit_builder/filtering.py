"""How filters speak: a verdict that carries its reason, and the function that applies them in order."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol, TypeVar, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wit_builder.errors import ConfigError, WitError

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


@runtime_checkable
class ScreeningFilter(Protocol):
    """A filter that also tells from columns what it need not be called for: most of what it keeps.

    may_drop: gets rows as Arrow columns, by the names of the record's fields; gives bool [rows], true for each that
    the filter drops, and for as few others as that takes; null is as true.
    """

    def may_drop(self, rows: pa.Table, /) -> Any: ...  # noqa: D102


def may_drop(rule: object, rows: pa.Table) -> NDArray[np.bool_]:
    """Which of the rows the filter must be called for, bool [rows]."""
    if not isinstance(rule, ScreeningFilter):
        return np.ones(rows.num_rows, bool)
    said = np.asarray(pc.coalesce(rule.may_drop(rows), pa.scalar(True)), bool)
    if said.shape != (rows.num_rows,):
        raise ValueError(f"may_drop says {said.size} times of {rows.num_rows} rows whether they may go")
    return said


@contextmanager
def naming(rule: object) -> Iterator[None]:
    """Whatever goes wrong inside the block says of which filter it is."""
    name = type(rule).__name__
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"filter {name}: {error}", error.hint) from error
    except (WitError, MemoryError):
        raise
    except Exception as error:
        raise RuntimeError(f"filter {name}: {type(error).__name__}: {error}") from error


def judge(
    items: Sequence[ItemT],
    filters: Sequence[Filter[ItemT] | BatchFilter[ItemT]],
    image: Callable[[ItemT], bytes] | None = None,
    called_for: Sequence[NDArray[np.bool_]] | None = None,
) -> list[Verdict]:
    """For each item the verdict of the first filter that drops it, or that it is kept.

    A filter sees what those before it kept; the scores of all that saw it add up.
    image: gives an item's stored image, a whole file; None where no filter is a BatchFilter.
    called_for: for each filter which items it must be called for, bool [items]; None: all.
    """
    verdicts = [KEPT] * len(items)
    left = np.ones(len(items), bool)
    for rule, asked in zip(filters, [left] * len(filters) if called_for is None else called_for, strict=True):
        numbers = np.flatnonzero(left & asked).tolist()
        with naming(rule):
            said = _said(rule, [items[i] for i in numbers], image)
            for i, verdict in zip(numbers, said, strict=True):
                before = verdicts[i].scores
                verdicts[i] = replace(verdict, scores=before + verdict.scores) if before else verdict
            left[[i for i in numbers if not verdicts[i].kept]] = False
    return verdicts


def _said(
    rule: Filter[ItemT] | BatchFilter[ItemT], items: Sequence[ItemT], image: Callable[[ItemT], bytes] | None
) -> Iterable[Verdict]:
    if isinstance(rule, BatchFilter):
        assert image is not None, "a BatchFilter stands where nothing is downloaded"
        return rule.judge(items, map(image, items))
    return map(rule, items)
