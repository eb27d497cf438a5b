"""`wit` as a process of its own, on pipes or on a terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WIT = [sys.executable, "-m", "wit_builder"]


def environment(**more):
    """This one without what would colour pipes, and with the packages of this checkout; WIT_ODD_*: see engine/odd."""
    plain = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE")}
    odd = [ROOT / "tests" / "engine" / "odd"] * any(name.startswith("WIT_ODD_") for name in more)
    path = os.pathsep.join(map(str, (*odd, ROOT, ROOT / "filters", ROOT / "pipelines")))
    return plain | {"PYTHONPATH": path, "TERM": "xterm-256color", "COLUMNS": "100", **more}


def ran(*arguments, cwd=ROOT, **more):
    """The finished process, its texts read."""
    return subprocess.run(
        [*WIT, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env=environment(**more)
    )


def started(*arguments, cwd=ROOT):
    """A process that runs, in a group of its own."""
    return subprocess.Popen(
        [*WIT, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=environment(),
        start_new_session=True,
    )


def on_terminal(*arguments, cwd=ROOT, **more):
    """All that it writes to a terminal, and its exit code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*WIT, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env=environment(**more),
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that nobody has it open any more
            break
        if not part:
            break
        written += part
    os.close(ours)
    return written.decode(), process.wait()
