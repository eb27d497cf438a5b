"""Runs every awkward image of the shared data through process(), in a process of its own.

    python -W error -m tests.images.gauntlet FOLDER

Prints a JSON object: outcomes {name: [reason or "ok", width, height]}, slowest [CPU seconds, name], and the
megabytes by which this process has grown at its peak.
"""

import json
import resource
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from wit_builder.errors import ImageError
from wit_builder.images.process import ImageSpec, process


def main(folder: Path) -> None:
    """Prints what came of each."""
    process_memory = peak()
    outcomes: dict[str, list[object]] = {}
    slowest = (0.0, "")
    for name, body in inputs(folder):
        start = time.process_time()
        outcomes[name] = outcome(body)
        slowest = max(slowest, (time.process_time() - start, name))
    print(json.dumps({"outcomes": outcomes, "slowest": slowest, "grown": peak() - process_memory}))


def inputs(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, and every member of the fuzzers' corpus."""
    for fact in json.loads((folder / "facts.json").read_text()):
        yield fact["file"], (folder.parent / fact["file"]).read_bytes()
    with zipfile.ZipFile(folder / "fuzz-corpus.zip") as corpus:
        for name in corpus.namelist():
            yield f"fuzz/{name}", corpus.read(name)


def outcome(body: bytes) -> list[object]:
    """What process() made of it. Anything but a Picture or an ImageError ends this process."""
    try:
        picture = process(body, ImageSpec())
    except ImageError as error:
        return [error.reason, 0, 0]
    return ["ok", picture.original_width, picture.original_height]


def peak() -> float:
    """Megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
