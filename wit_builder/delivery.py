"""A build in a scratch folder and OUT at a URL: what is taken up from there, and what is brought there when.

OUT has a build.json from the moment a build is begun, and its state is `complete` when everything else is
there. Where OUT is a folder it is worked in itself, and nothing here does anything.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import orjson

from wit_builder import build, mirror, publish, storage
from wit_builder.blocklist import tombstones
from wit_builder.engine import lease
from wit_builder.errors import BuildError, ConfigError
from wit_builder.place import WORK, Place, Remote
from wit_builder.shards import manifest

SHOWN = ("funnel.json", "manifest/*")  # what the result of a build is read from
RETRIED = (  # what a retry goes on from, and what is forgotten
    *SHOWN,
    *("ledger/*/*", "candidates/*", "shards/*.parquet", "shards/__len__", "queries.parquet", tombstones.NAME),
    f"{publish.FORGETTING}/*",
)

_STATE = "build.json"
_MARKS = (publish.RETRYING, publish.FORGETTING)  # folders of a complete OUT that is being changed
_DRIVER = f"{WORK}/driver"  # the lease (lease.py) of the command that is at a build whose work lies at OUT
_SENT = ".at-out.json"  # in the scratch folder: the build.json that OUT had when it was last looked at


def claim(there: Place, needs: Sequence[str]) -> bool:
    """Go on with what was begun here, or begin with what is at OUT.

    needs: globs of the files of a complete build that are wanted here. Whether something was finished here
    that is not yet at OUT. Raises ConfigError when OUT was begun, or changed, from elsewhere.
    """
    if not isinstance(there, Remote):
        return False
    mine, theirs = _content(there.folder / _STATE), there.read(_STATE)
    if theirs is not None and not _is_complete(theirs) and _lies_there(there):
        if who := lease.held_here(there.objects, _DRIVER):
            raise _taken(there, who)
        publish.clear(there.folder)  # nothing here counts
        _take_over(there, theirs)
        return False
    busy = any((there.folder / name).exists() for name in ("work", *_MARKS))
    if mine is not None and (busy or mine != _content(there.folder / _SENT)):
        _refuse_change(there, theirs)
        if theirs is not None:  # it may have arrived just before a kill
            storage.write_bytes(there.folder / _SENT, theirs)
        return not busy and _is_complete(mine) and mine != theirs
    if theirs != mine or _is_complete(theirs):
        publish.clear(there.folder)
        if theirs is not None:
            _bring(there, theirs, needs)
    return False


@contextmanager
def work(there: Place, elsewhere: bool, say: Callable[[str], None]) -> Iterator[Place | None]:
    """OUT, where plans, done records and what tasks make lie there as well; None where they lie in the folder.

    That is settled when a build begins. elsewhere: whether its tasks run on other machines. Keeps every other command
    out of OUT. Raises ConfigError where one is in it, and for a store that cannot hold the work.
    """
    if not (isinstance(there, Remote) and (_lies_there(there) or (elsewhere and _is_new(there)))):
        yield None
        return
    with mirror.met(there.name, there.folder):
        try:
            with lease.held(there.objects, _DRIVER, _waits(there, say), partial(_taken, there)):
                yield there
        finally:
            publish.clear(there.folder / WORK)
            if there.released or not (there.folder / _STATE).exists():  # complete, or nothing was begun
                cleared(there)


def cleared(there: Place) -> None:
    """Remove from OUT what only an unfinished build needs."""
    if isinstance(there, Remote) and _lies_there(there):
        there.objects.remove_all(WORK, but=_DRIVER)
        there.objects.remove_all(WORK)


def check_free(there: Place) -> None:
    """Raise ConfigError where a new build would lie among other things at OUT."""
    new = isinstance(there, Remote) and not (there.folder / _STATE).exists()
    if new and any(name[0] != "." and name != WORK for name in there.pieces() or ()):
        raise ConfigError(f"{there.name} is not empty and holds no build", "name another --out")


def begun(there: Place) -> None:
    """Show at OUT how far the build is: its build.json."""
    if isinstance(there, Remote):
        there.push([there.folder / _STATE])
        storage.write_bytes(there.folder / _SENT, (there.folder / _STATE).read_bytes())


def finished(there: Place) -> None:
    """Bring a complete build to OUT, so that a reader there meets the former one or this one, never a half.

    Shards come first and build.json last; what a retry has replaced, and the mark that OUT is being changed, go in
    between. Raises ConfigError when OUT was changed from elsewhere, BuildError when something cannot be brought.
    """
    if not isinstance(there, Remote):
        return
    with build.only_one(there.folder):
        theirs = there.read(_STATE, BuildError)
        _refuse_change(there, theirs)
        if theirs != _content(there.folder / _STATE):
            there.push(_in_order(there.folder))
            for pattern in ("ledger/*/*", *(f"{name}/*" for name in _MARKS)):
                there.prune(pattern)
            begun(there)
    there.release()


def _lies_there(there: Remote) -> bool:
    """Whether the build at OUT was begun with its work there."""
    return there.objects.exists(f"{_DRIVER}-00001.json")


def _is_new(there: Remote) -> bool:
    """Whether nothing was done for this build here."""
    return not (there.folder / WORK).exists()


def _waits(there: Remote, say: Callable[[str], None]) -> Callable[[str], None]:
    return lambda who: say(f"waiting for {who}, which has not left {there.name}: {lease.STALE_S:g} s at most")


def _taken(there: Remote, who: str) -> ConfigError:
    return ConfigError(f"another wit command is working on {there.name!r}: {who}", "wait for it, or stop it")


def _in_order(out: Path) -> Iterator[Path]:
    """The files of a build, but for its build.json, as readers may meet them."""
    yield from sorted(out.glob(tombstones.NAME))
    for tar in sorted((out / "shards").glob("*.tar")):
        yield from (tar, tar.with_suffix(".parquet"), tar.with_name(f"{tar.stem}_stats.json"))
    shown = ("queries.parquet", "README.md", "report.html", "funnel.json")
    for pattern in ("candidates/*.parquet", "ledger/*/*.parquet", *shown):
        yield from sorted(out.glob(pattern))
    yield from (out / "shards" / manifest.LENGTH_FILE, out / manifest.FILE)


def _refuse_change(there: Remote, theirs: bytes | None) -> None:
    if theirs not in (None, *(_content(there.folder / name) for name in (_STATE, _SENT))):
        raise ConfigError(
            f"{there.name} was changed by another command since this one began",
            f"to take up what is there now, remove its folder in {there.folder.parent}",
        )


def _bring(there: Remote, theirs: bytes, needs: Sequence[str]) -> None:
    if not _is_complete(theirs):
        raise ConfigError(
            f"{there.name} holds an unfinished build, and what was done for it is not in {there.folder.parent}",
            "go on where it was begun, or with its --scratch; or remove what is at OUT, and begin anew",
        )
    if there.objects.exists(f"{publish.RETRYING}/{publish.BEGUN}"):
        raise ConfigError(
            f"{there.name} is half changed by a `wit retry`, and what that has yet to bring is not in "
            f"{there.folder.parent}",
            "the same command where it was begun, or with its --scratch; or put back a copy of OUT from before it",
        )
    there.pull(needs)
    _take_over(there, theirs)


def _take_over(there: Remote, theirs: bytes) -> None:
    storage.write_bytes(there.folder / _SENT, theirs)
    storage.write_bytes(there.folder / _STATE, theirs)


def _is_complete(state: bytes | None) -> bool:
    try:
        return bool(orjson.loads(state or b"null")["state"] == "complete")
    except (TypeError, KeyError, orjson.JSONDecodeError):
        return False


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
