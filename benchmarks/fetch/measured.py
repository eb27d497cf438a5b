"""What does a program cost? CPU seconds, seconds and peak memory of it and all its children."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

EVERY_S = 0.1  # how often memory is looked at


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run."""

    seconds: float
    cpu: float  # seconds, user and system
    peak_mb: float  # proportional set size, summed over the processes


def run(command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> Cost:
    """Run it to its end. Raises CalledProcessError where it fails; what it printed is in `log`."""
    began = time.perf_counter()
    with log.open("w") as file:
        child = subprocess.Popen(command, env=environment, stdout=file, stderr=file, start_new_session=True)
    peak = 0.0
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, _memory(child.pid))
        time.sleep(EVERY_S)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command, log.read_text()[-2000:])
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, peak)


def _memory(session: int) -> float:
    """Megabytes that the processes of a session have, what they share counted once."""
    total = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if int((folder / "stat").read_text().rpartition(")")[2].split()[3]) != session:
                continue
            for line in (folder / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except (OSError, IndexError, ValueError):
            continue  # it ended meanwhile
    return total / 1024
