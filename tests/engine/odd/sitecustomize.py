"""First on PYTHONPATH, it makes a machine odd: its clock is WIT_ODD_CLOCK seconds off, its disk has no locks.

Python imports this before anything else, in each process that has the variables.
"""

import datetime
import errno
import fcntl
import os
import time

if off := float(os.environ.get("WIT_ODD_CLOCK", "0")):
    true_time, TrueDatetime = time.time, datetime.datetime

    class OddDatetime(TrueDatetime):
        """Now is then."""

        @classmethod
        def now(cls, tz=None):
            return TrueDatetime.now(tz) + datetime.timedelta(seconds=off)

    time.time = lambda: true_time() + off
    datetime.datetime = OddDatetime  # type: ignore[misc]

if os.environ.get("WIT_ODD_LOCKS"):

    def no_locks(*_):
        raise OSError(errno.EOPNOTSUPP, "no locks here")

    fcntl.flock = no_locks
