"""Fetches a list in child processes that kill themselves (SIGKILL) some steps later each time.

`python -m tests.download.dying FOLDER STRIDE`: child number n dies right before its n-th step (sync, rename, link,
unlink, member of a tar); then another one goes on to the end, and its tars must be those of an undisturbed run.
Ends when a child got through; prints how many died.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.download.lists import asked, fetched, listed, rows, tars, tell, url
from tests.fetch.pairs import InPlace
from tests.site.told import Say, told
from wit_builder.download import settings, windows
from wit_builder.fetch import fetch
from wit_builder.shards.tar import TarWriter


def in_child(work: Callable[[], Any]) -> bool:
    """Whether the child that does this work got through."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  (the parent is told)
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code == 0


def make_mortal(steps: int) -> None:
    left = steps

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return function(*args, **kwargs)

        return call

    os.fsync, os.link, os.sync = counted(os.fsync), counted(os.link), counted(os.sync)  # type: ignore[assignment]
    for owner, name in ((Path, "replace"), (Path, "rename"), (Path, "unlink"), (TarWriter, "add")):
        setattr(owner, name, counted(getattr(owner, name)))


def main(folder: Path, stride: int) -> int:
    fetch.Pixels = InPlace  # type: ignore[assignment,misc]
    settings.WINDOW_ROWS = windows.WINDOW_ROWS = 4
    with told() as web:
        tell(web, range(7))
        web.answers[url(2)] = Say(status=503)
        what = asked(listed(folder / "a.parquet", range(9)))
        in_child(lambda: fetched(folder / "whole", web, what, retry=["5xx"]))
        steps, died = 0, 0
        while True:
            out = folder / f"{steps:04d}"

            def mortal(steps: int = steps, out: Path = out) -> None:
                make_mortal(steps)
                fetched(out, web, what, retry=["5xx"])

            if in_child(mortal):
                return died
            died += 1
            steps += stride
            assert in_child(lambda out=out: fetched(out, web, what, retry=["5xx"])), "it cannot go on"
            assert tars(out) == tars(folder / "whole"), out
            assert [row["key"] for row in rows(out)] == [row["key"] for row in rows(folder / "whole")], out


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), int(sys.argv[2])))
