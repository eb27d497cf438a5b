"""A build: one recipe run into one folder, its stages in order, resumed from what is on disk.

    collect -> select -> fetch -> clean -> pack -> published in OUT

`OUT/work` holds plans, done records and staged shards while the build runs; it goes when the build is
complete. What is published in OUT is whole or absent.
"""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wit_builder import ledger, mirror, publish, settings, storage
from wit_builder.blocklist import blocked
from wit_builder.curation import matched
from wit_builder.engine import task as engine
from wit_builder.engine.local import Executor
from wit_builder.errors import ConfigError
from wit_builder.ledger import Funnel
from wit_builder.place import Place
from wit_builder.recipe import Recipe
from wit_builder.road import STAGES, Road, Watcher, write_session


@dataclass(frozen=True, slots=True)
class Where:
    """What is of this run and not of the data set."""

    out: Path
    connect_to: Mapping[str, str | None]  # host pattern to ip:port, for test webs
    command: str | None = None  # that builds it again, for the card
    place: Place | None = None  # OUT, where the work lies there too: `out` is its mirror then


def start(out: Path, recipe: Recipe, resume: bool) -> bool:
    """Make OUT ready for this recipe; whether it is complete already.

    Raises ConfigError when OUT holds something else, another recipe's build, or an unfinished build while
    `resume` is false; BuildError when it cannot be written.
    """
    encoded = settings.encode(recipe)
    new = publish.read_state(out) is None and _begin(out, encoded)
    state = publish.read_state(out) or {}
    changed = settings.differences(state["recipe"], encoded)
    if changed:
        raise ConfigError(
            f"{str(out)!r} was started with another recipe: {'; '.join(changed[:5])}",
            "name another folder with --out, or put the recipe back",
        )
    complete = bool(state["state"] == "complete")
    if not (complete or resume or new):
        raise ConfigError(f"{str(out)!r} holds an unfinished build", "the same command with --resume")
    if complete:
        publish.clear(out / "work")  # where the last step was cut short
    return complete


def run(recipe: Recipe, where: Where, executor: Executor, watcher: Watcher, until: str = "pack") -> Funnel:
    """Run or go on with the build, up to and including the stage `until`; the funnel so far.

    Raises BuildError when a stage stops, engine.task.Stopped when the user asked to stop.
    """
    with only_one(where.out), web(recipe, where) as connect_to:
        publish.tidy(where.out)
        root = where.out / "work"
        with storage.plain_errors(where.out):
            root.mkdir(exist_ok=True)
        road = Road(recipe, root, executor, watcher)
        try:
            write_session(root, connect_to, blocked.prepared(root, recipe.blocklist, where.out))
            if recipe.queries is not None:
                matched.begin(road.queries, recipe.queries, watcher.say)
            for stage in STAGES[: STAGES.index(until) + 1]:
                getattr(road, stage)()
                storage.write_json(where.out / "funnel.json", road.funnel().as_json())
                mirror.renew(where.out / "funnel.json")
        except ConfigError:
            _forget(where.out)
            raise
        if until == STAGES[-1]:
            with storage.plain_errors(where.out):
                _publish(recipe, where, road)
        return road.funnel()


def _forget(out: Path) -> None:
    """Leave OUT as it was found, if nothing was started there: a recipe put right may use it then."""
    if engine.is_planned(out / "work", STAGES[0]):
        return
    publish.clear(out / "work")
    with suppress(OSError):
        (out / "build.json").unlink()
        (out / ".lock").unlink()
        out.rmdir()


@contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Keep every other command out of OUT. Raises ConfigError when one is in it."""
    path = out / ".lock"
    with storage.plain_errors(path):
        file = path.open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"another wit command is working on {str(out)!r}", "wait for it, or stop it"
            ) from None
        except OSError:
            pass  # a file system without locks: nothing can tell
        yield


@contextmanager
def web(recipe: Recipe, where: Where) -> Iterator[dict[str, str | None]]:
    """Serve the recipe's demo web, if it has one; how hosts are reached."""
    with ExitStack() as stack:
        connect_to = dict(where.connect_to)
        if recipe.demo_web is not None:
            from wit_builder.demo_web import serve  # and aiohttp with it, which nobody else needs

            port = stack.enter_context(serve.served(recipe.demo_web))
            connect_to |= recipe.demo_web.connect_to(port)
        yield connect_to


def _begin(out: Path, encoded: Any) -> bool:
    """Write the build.json of a new build; false when another command was quicker."""
    try:
        with storage.plain_errors(out):
            out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ConfigError(
            f"{str(out)!r} cannot be a folder: there is a file in the way", "name another folder with --out"
        ) from None
    with only_one(out):
        if publish.read_state(out) is not None:
            return False
        if any(not path.name.startswith(".") for path in out.iterdir()):
            raise ConfigError(
                f"{str(out)!r} is not empty and holds no build", "name another folder with --out"
            )
        publish.write_state(out, encoded, "started")
        return True


def _publish(recipe: Recipe, where: Where, road: Road) -> None:
    """Make the finished build visible, check that it adds up, and clear the work folder."""
    out = where.out
    parts = road.files("collect", "candidates")
    mirror.publish((Path(path), out / "candidates" / f"part-{i:05d}.parquet") for i, path in enumerate(parts))
    publish.shards(out, road.shards())
    road.show_queries(out)
    ledger.write(out, ledger.tables(road.losses()))
    publish.finish(recipe, where.place or out, road.funnel(), out / "work", where.command)
