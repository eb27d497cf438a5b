"""SIGTERM and Ctrl-C: the first time the run saves and ends well, the second time nothing is waited for."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(BaseException):
    """A signal has ended what may end anywhere."""


class Stop:
    """Whether somebody asked."""

    asked = False
    _anywhere = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """What a signal does; the second time, what it would have done by itself."""
        self.asked = True
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, signal.SIG_DFL)
        if self._anywhere:
            raise Stopped

    @contextmanager
    def anywhere(self) -> Iterator[None]:
        """A block that may end anywhere: a signal raises Stopped in it."""
        if self.asked:
            raise Stopped
        self._anywhere = True
        try:
            yield
        finally:
            self._anywhere = False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Hears the signals until the block ends. Of the main thread alone."""
    stop = Stop()
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
