"""Pushes the tars of a folder in a process of its own, then says by how much its memory peaked (KiB)."""

import re
import sys
from pathlib import Path

from wit_builder import place


def peak() -> int:
    """Of this process alone: ru_maxrss would begin with the parent's."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])


if __name__ == "__main__":
    url, folder = sys.argv[1:]
    there = place.Remote(url, Path(folder), newer=True)
    there.push([])  # loads what is needed for it
    before = peak()
    there.push(sorted(Path(folder).glob("*.tar")))
    print(peak() - before)
