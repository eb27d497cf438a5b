"""SIGINT and SIGTERM: between two stages they raise Stopped; an executor that runs one counts them, and winds down.

What a handler raises is lost where Python runs it in a destructor or a weak reference's callback. So whoever
counts asks first whether one came before.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from wit_builder.engine.task import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_raised: list[int] = []


@contextmanager
def raising() -> Iterator[None]:
    """They raise Stopped while the block lasts. Of the main thread alone."""
    try:
        with _handled(_raise):
            yield
    finally:
        _raised.clear()


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """They are counted instead; yields how often they came. Of the main thread alone.

    Raises Stopped at its end where one came and the block has raised nothing, at its beginning where one came in
    `raising` and was lost.
    """
    if _raised:
        raise Stopped
    asked: list[int] = []
    with _handled(lambda number, _frame: asked.append(number)):
        yield lambda: len(asked)
    if asked:
        raise Stopped


def _raise(number: int, _frame: FrameType | None) -> NoReturn:
    """Between two stages nothing is half done, and a kill is harmless anyway."""
    _raised.append(number)
    raise Stopped


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    previous = {}
    try:
        for number in SIGNALS:
            previous[number] = signal.signal(number, handler)
        yield
    finally:
        for number, earlier in previous.items():
            signal.signal(number, earlier)
