"""How filters speak: a verdict that carries its reason, and the function that applies them in order."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol, TypeVar, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wit_builder.errors import ConfigError, WitError, many

_VERDICT = 'from wit_builder.filtering import KEPT, Verdict: return KEPT, or Verdict("too_dark")'
_SNAKE_CASE = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a filter says of one item: kept, or dropped for a reason."""

    reason: str | None = None  # None: kept. Else snake_case, a key of the stage's counts
    evidence: str = ""  # what was seen, short
    scores: tuple[tuple[str, float], ...] = ()  # what was measured, by name; stored with the sample

    def __post_init__(self) -> None:
        if self.reason is not None and not _is_snake_case(self.reason):
            raise _wrong("reason is", self.reason, "snake_case", 'Verdict("too_dark")')
        if not isinstance(self.evidence, str):
            raise _wrong("evidence is", self.evidence, "a text", 'Verdict("too_dark", f"{mean} of 255")')
        if self.scores and not _are_scores(self.scores):
            expected = "a name and a finite number of each, no name twice"
            raise _wrong("scores are", self.scores, expected, 'Verdict(scores=(("brightness", 0.5),))')

    @property
    def kept(self) -> bool:
        """Whether the item stays."""
        return self.reason is None

    def __bool__(self) -> NoReturn:
        raise TypeError("a Verdict is neither true nor false; read verdict.kept")


def _is_snake_case(reason: object) -> bool:
    return isinstance(reason, str) and _SNAKE_CASE.fullmatch(reason) is not None


def _are_scores(scores: object) -> bool:
    if not isinstance(scores, tuple) or not all(map(_is_score, scores)):
        return False
    return len({name for name, _ in scores}) == len(scores)


def _is_score(pair: object) -> bool:
    if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str):
        return False
    return isinstance(pair[1], int | float | np.integer | np.floating) and math.isfinite(pair[1])


def _wrong(what: str, value: object, expected: str, hint: str) -> ConfigError:
    return ConfigError(f"a verdict's {what} {value!r:.100}, expected {expected}", hint)


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
    image: gives an item's stored image, a whole file; None of candidates, which have none.
    called_for: for each filter which items it must be called for, bool [items]; None: all.
    """
    verdicts = [KEPT] * len(items)
    left = np.ones(len(items), bool)
    for rule, asked in zip(filters, [left] * len(filters) if called_for is None else called_for, strict=True):
        numbers = np.flatnonzero(left & asked).tolist()
        with naming(rule):
            said = verdicts_of(rule, [items[i] for i in numbers], image)
            for i, verdict in zip(numbers, said, strict=True):
                before = verdicts[i].scores
                verdicts[i] = replace(verdict, scores=before + verdict.scores) if before else verdict
            left[[i for i in numbers if not verdicts[i].kept]] = False
    return verdicts


def verdicts_of(
    rule: Filter[ItemT] | BatchFilter[ItemT], items: Sequence[ItemT], image: Callable[[ItemT], bytes] | None
) -> list[Verdict]:
    """What one filter says of each item. Raises ConfigError for whatever else it returns.

    image: see `judge`; None of candidates, which have no place for scores.
    """
    if isinstance(rule, BatchFilter):
        assert image is not None, "a BatchFilter stands where nothing is downloaded"
        found = rule.judge(items, map(image, items))
        if not isinstance(found, Sequence):
            raise ConfigError(f"judge returns {found!r:.100}, expected a list of Verdicts", _VERDICT)
    else:
        found = list(map(rule, items))
    for verdict in found:
        if not isinstance(verdict, Verdict):
            raise ConfigError(f"it returns {verdict!r:.100}, expected a Verdict", _VERDICT)
        if verdict.scores and image is None:
            raise ConfigError(
                "it gives scores, which a candidate does not store", "put it among sample_filters"
            )
    if len(found) != len(items):
        raise ConfigError(
            f"judge returns {many(len(found), 'verdict')} of {many(len(items), 'item')}, expected one of each",
            "return [KEPT for _ in items]",
        )
    return list(found)
