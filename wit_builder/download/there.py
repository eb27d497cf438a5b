"""OUT at a URL: what a fetch takes up from there, and what it brings there when.

The work is done in a scratch folder. A shard is brought to OUT when it is written, its stats last; here only its
stats stay then, which say that it is done. Where OUT is a folder nothing here does anything.
"""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from wit_builder.download import folder, state
from wit_builder.download.settings import Mode
from wit_builder.errors import ConfigError
from wit_builder.place import Place, Remote
from wit_builder.shards.manifest import LENGTH_FILE

_STATE = f"{state.FOLDER}/fetch.json"


def taken_up(there: Place, mode: Mode) -> None:
    """Go on with what was begun here, or with what is at OUT.

    Raises ConfigError for overwrite, and where OUT holds what is no shard.
    """
    if not isinstance(there, Remote):
        return
    if mode == "overwrite":
        raise ConfigError(
            f"--incremental_mode overwrite does not remove what lies at {there.name}",
            "remove it with your store's own tool, or name another --out",
        )
    if (there.folder / _STATE).exists():  # what was done altogether has no scratch folder any more
        state.reopen(there.folder)
        return
    pieces = there.pieces()
    if pieces and not any(name.endswith("_stats.json") or name == state.FOLDER for name in pieces):
        raise ConfigError(f"{there.name} is not empty and holds no shards", "name another folder with --out")
    there.pull(("*_stats.json", _STATE))


def begun(there: Place) -> None:
    """Show at OUT which list it is of, and bring there what a kill kept from being brought."""
    if isinstance(there, Remote):
        there.push([there.folder / _STATE])
        for stats in sorted(there.folder.glob("*_stats.json")):
            bring(there, stats.name.removesuffix("_stats.json"))


def withdrawn(there: Place) -> None:
    """Show at OUT that what was begun is not any more."""
    if isinstance(there, Remote):
        there.push([path for path in [there.folder / _STATE] if path.exists()])
        there.prune(_STATE)


def bring(there: Place, stem: str) -> None:
    """Bring the files of one shard to OUT, unless that was done."""
    if not isinstance(there, Remote):
        return
    files = list(_files(there.folder, stem))
    if len(files) > 1:  # only the stats stay behind
        there.push(files)
        for path in files[:-1]:
            path.unlink()
        shutil.rmtree(there.folder / stem, ignore_errors=True)


def sidecars_back(there: Place) -> None:
    """Have the sidecars of all shards here again."""
    there.pull(("*.parquet",))


def back(there: Place, stems: Sequence[str]) -> None:
    """Have the files of these shards here again."""
    there.pull([name for stem in stems for name in (f"{stem}.tar", f"{stem}.parquet", f"{stem}/*")])


def ended(there: Place) -> None:
    """All shards are at OUT; so is then what is said of all of them."""
    if isinstance(there, Remote):
        length = there.folder / LENGTH_FILE
        there.push([*([length] if length.exists() else []), there.folder / _STATE])
        there.release()


def _files(out: Path, stem: str) -> Iterator[Path]:
    """The files of one shard that are here, the mark that it is whole last."""
    for path in (*sorted((out / stem).glob("*")), *reversed(list(folder.files(out, stem)))):
        if path.is_file():
            yield path
