"""What the user typed, and what to type next; every part quoted as a shell wants it."""

import os
import shlex
import shutil
import sys
from pathlib import Path


def program() -> str:
    """How this run was called: wit, .venv/bin/wit or python -m wit_builder."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m wit_builder"
    return called.name if shutil.which(called.name) == str(called) else shlex.quote(str(called))


def resumed() -> str:
    """The same command, going on with what it began, to its end; by torchrun where that began it."""
    return f"{_torchrun() or program()} {shlex.join([*_to_the_end(), '--resume'])}"


def anew() -> str:
    """The same command from the beginning to the end, for whoever reads it elsewhere."""
    return f"wit {shlex.join(_to_the_end())}"


def _to_the_end() -> list[str]:
    words: list[str] = []
    until = False
    for word in sys.argv[1:]:
        if word != "--resume" and word != "--until" and not word.startswith("--until=") and not until:
            words.append(word)
        until = word == "--until"
    return words


def _torchrun() -> str:
    """How torchrun was called on one machine, "" where it was not."""
    ranks = os.environ.get("WORLD_SIZE", "1")
    if ranks == "1" or ranks != os.environ.get("LOCAL_WORLD_SIZE"):
        return ""
    return f"torchrun --nproc-per-node {ranks} -m wit_builder"


def same() -> str:
    """The same command again."""
    return f"{program()} {shlex.join(sys.argv[1:])}"


def command(*words: str | Path) -> str:
    """Another command of this program."""
    return f"{program()} {shlex.join(map(str, words))}"
