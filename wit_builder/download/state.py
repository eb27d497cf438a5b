"""What OUT was begun with: `OUT/_wit/fetch.json`, which keeps a second run from mixing two lists.

img2dataset skips shards by their numbers alone, so another list, or the same one changed, is silently cut to the
old one's shards. Here each run of OUT has its input's files by name, size and version, and all runs share what
shapes the shards. What has changed is named, and nothing is started.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson

from wit_builder import remote, settings, storage
from wit_builder.download import folder
from wit_builder.download.settings import Download, Mode
from wit_builder.errors import ConfigError
from wit_builder.remote import Source

FOLDER = "_wit"  # of OUT, for all that is not img2dataset's
_ANEW = "`--incremental_mode overwrite` begins anew; or name another --out"
_ANOTHER = "`--incremental_mode extend` adds it as new shards, `overwrite` begins anew; or name another --out"


@dataclass(slots=True)
class Run:
    """One list fetched into OUT."""

    files: list[dict[str, Any]]  # name, bytes and version of each
    urls: Any  # the UrlList but for its files, as JSON
    first: int  # number of its first shard
    end: int | None = None  # number after its last shard; None until the list was read
    retry: list[str] = field(default_factory=list)  # reasons that are being tried again
    done: bool = False  # all of it stands in OUT, and so does what is said of all shards


@dataclass(slots=True)
class State:
    """All runs of OUT, and the shape that they share."""

    shape: Any
    runs: list[Run]

    @classmethod
    def read(cls, out: Path) -> Self | None:
        """None where OUT has none. Raises ConfigError when it is damaged."""
        path = out / FOLDER / "fetch.json"
        try:
            found = orjson.loads(path.read_bytes())
            return cls(found["shape"], [Run(**run) for run in found["runs"]])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path} is damaged: {error}", "put back a copy, or name another --out"
            ) from error

    def write(self, out: Path) -> None:
        """Whole or absent."""
        runs = [asdict(run) for run in self.runs]
        storage.write_json(out / FOLDER / "fetch.json", {"shape": self.shape, "runs": runs})

    def mark(self, out: Path, run: Run, *, done: bool) -> None:
        """Write down whether all of that run stands in OUT."""
        if run.done != done:
            run.done = done
            self.write(out)

    def withdraw(self, out: Path, run: Run) -> None:
        """As if it had not been begun: nothing of it was fetched."""
        self.runs.remove(run)
        if self.runs:
            self.write(out)
        else:
            (out / FOLDER / "fetch.json").unlink()


def reopen(out: Path) -> None:
    """The last run is not known to be done."""
    if state := State.read(out):
        state.mark(out, state.runs[-1], done=False)


def admit(out: Path, asked: Download, mode: Mode) -> None:
    """Raise ConfigError when OUT holds something else; nothing is written there then."""
    if State.read(out) is None:
        _first_free(out, asked, mode)


def begin(
    out: Path, asked: Download, sources: Sequence[Source], mode: Mode, retries: bool = False
) -> tuple[State, Run]:
    """The run to be done, written down. The caller keeps other commands out of OUT.

    retries: whether failures of this list are to be tried again, so that a list that extended OUT is not added anew.
    Raises ConfigError when OUT holds something else, or was begun with another list or other options.
    """
    new = Run(_files(sources), _urls(asked), 0)
    state = State.read(out)
    if state is None:
        new.first = _first_free(out, asked, mode)
        state = State(asked.shape(), [new])
    elif mode == "overwrite":
        folder.remove(out, state.shape, [(run.first, run.end) for run in state.runs])
        new.first = folder.first_free(out)
        state = State(asked.shape(), [new])
    else:
        _refuse(out, "options", settings.differences(state.shape, asked.shape()), _ANEW)
        known = next((run for run in reversed(state.runs) if _same(run, new)), None)
        last = state.runs[-1]
        if known is not None and (mode == "incremental" or retries):
            return state, known
        if mode == "incremental":
            _refuse(out, "input", _changes(last, new))
        if not (last.done and folder.finished(out, state.shape, last.first, last.end)):
            _refuse(out, "input, which is not finished yet", _changes(last, new), "finish that one first")
            return state, last
        new.first = folder.first_free(out)
        state.runs.append(new)
    state.write(out)
    return state, new


def _first_free(out: Path, asked: Download, mode: Mode) -> int:
    """The number of the first shard in a folder that `wit fetch` has not begun."""
    if not folder.holds_anything(out):
        return 0
    shards = folder.first_free(out)
    if not (shards and list(out.glob("*_stats.json"))):
        raise ConfigError(f"{str(out)!r} is not empty and holds no shards", "name another folder with --out")
    if mode != "extend":
        raise ConfigError(
            f"{str(out)!r} holds shards that `wit fetch` did not begin, and nothing says from which list",
            "`--incremental_mode extend` adds new ones; or name another folder with --out",
        )
    folder.check_digits(out, asked.shards)
    return shards


def _files(sources: Sequence[Source]) -> list[dict[str, Any]]:
    names = remote.told_apart([source.url for source in sources])
    return [
        {"name": names[source.url], "bytes": source.bytes, "version": source.version} for source in sources
    ]


def _urls(asked: Download) -> Any:
    return {name: value for name, value in settings.encode(asked.urls).items() if name != "files"}


def _same(run: Run, new: Run) -> bool:
    return (run.files, run.urls) == (new.files, new.urls)


def _changes(run: Run, new: Run) -> list[str]:
    """How the new input differs from that run's, a line each."""
    before = {file["name"]: file for file in run.files}
    after = {file["name"]: file for file in new.files}
    lines = [f"{name} is gone" for name in before if name not in after]
    lines += [f"{name} is new" for name in after if name not in before]
    for name in before:
        if name in after and before[name] != after[name]:
            lines += settings.differences(before[name], after[name], name)
    if not lines and run.files != new.files:
        lines.append("its files have another order")
    return lines + settings.differences(run.urls, new.urls)


def _refuse(out: Path, what: str, changes: Sequence[str], hint: str = _ANOTHER) -> None:
    if changes:
        raise ConfigError(f"{str(out)!r} was begun with other {what}: {'; '.join(changes[:5])}", hint)
