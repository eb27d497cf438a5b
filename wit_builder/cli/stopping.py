"""Ctrl-C: the first time what runs is committed and the build stops, the second time nobody is waited for."""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wit_builder.cli import typed
from wit_builder.engine import signals
from wit_builder.engine.task import Stopped
from wit_builder.errors import BuildError

_RESUME = re.compile(r",? with `--resume`(?: where it has that)?")


@contextmanager
def stoppable(say: Callable[[str], None]) -> Iterator[None]:
    """Raise Stopped on SIGINT or SIGTERM, and have the user told that the first was heard.

    While an executor runs a stage it takes the signals itself, and needs a while to wind down. So a thread
    listens beside it: Python writes the number of each signal to a pipe, whoever handles it.
    """
    heard, told = os.pipe()
    os.set_blocking(told, False)
    listener = threading.Thread(target=_listen, args=(heard, say), daemon=True)
    listener.start()
    wakeup = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    try:
        with signals.raising():
            yield
    finally:
        signal.set_wakeup_fd(wakeup)
        os.close(told)  # ends the listener
        listener.join()


@contextmanager
def repeatable() -> Iterator[None]:
    """For a command that goes on when it is typed again: whatever stopped it hints at that.

    (Stages hint at `--resume`, an option of `wit build`.)
    """
    try:
        yield
    except Stopped:
        raise BuildError("stopped; nothing that was done is lost", f"go on with: {typed.same()}") from None
    except BuildError as error:
        raise BuildError(str(error), _RESUME.sub("", error.hint or "") or None) from error


def _listen(heard: int, say: Callable[[str], None]) -> None:
    asked = False
    while numbers := os.read(heard, 64):
        if not asked and set(signals.SIGNALS) & set(numbers):
            asked = True
            say("stopping: what runs is being committed (Ctrl-C again ends it at once)")
    os.close(heard)
