"""First on PYTHONPATH, it makes a machine odd: its clock is WIT_ODD_CLOCK seconds off, its disk has no locks.

Python imports this before anything else, in each process that has the variables. Only our own modules see the odd
`datetime`: C libraries take the type to be their own.
"""

import builtins
import errno
import fcntl
import os
import sys
import time
from datetime import datetime, timedelta

if off := float(os.environ.get("WIT_ODD_CLOCK", "0")):
    true_time, true_import = time.time, builtins.__import__

    class OddDatetime(datetime):
        """Now is then."""

        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(seconds=off)

    def odd_import(name, *rest, **more):
        found = true_import(name, *rest, **more)
        if name.startswith("wit_builder"):
            for known, module in list(sys.modules.items()):
                ours = (
                    known.startswith("wit_builder") and known != "wit_builder.records"
                )  # which asks no clock
                if ours and vars(module).get("datetime") is datetime:
                    module.datetime = OddDatetime
        return found

    time.time = lambda: true_time() + off
    builtins.__import__ = odd_import

if os.environ.get("WIT_ODD_LOCKS"):

    def no_locks(*_):
        raise OSError(errno.EOPNOTSUPP, "no locks here")

    fcntl.flock = no_locks
