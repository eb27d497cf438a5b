"""A signal stops the work wherever it comes, even where Python drops what a handler raises."""

import os
import signal
from contextlib import suppress

import pytest

from wit_builder.engine import signals
from wit_builder.engine.task import Stopped


class Dying:
    """Gets a signal while it is destroyed."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_that_is_lost_between_two_stages_stops_the_next():
    began = []
    with pytest.raises(Stopped), signals.raising():
        Dying()
        began.append("between")
        with signals.counted():
            began.append("the next")
    assert began == ["between"]


def test_one_that_nobody_looked_at_within_a_stage_stops_at_its_end():
    with pytest.raises(Stopped), signals.counted() as asked:
        os.kill(os.getpid(), signal.SIGINT)
        assert asked() == 1


def test_what_a_stage_raises_itself_goes_on():
    with pytest.raises(KeyError), signals.counted():
        os.kill(os.getpid(), signal.SIGINT)
        raise KeyError


def test_one_that_stopped_a_command_stops_no_later_one():
    with suppress(Stopped), signals.raising():
        os.kill(os.getpid(), signal.SIGINT)
    with signals.counted() as asked:
        assert asked() == 0
