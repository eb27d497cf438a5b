"""One of many runs that are compared: all that is wanted of it is its score."""

import shutil
from pathlib import Path

import orjson

from wit_builder.engine.task import Stopped
from wit_builder.model.ranks import joined
from wit_builder.shardset.cache import Cache
from wit_builder.train import checkpoint, start
from wit_builder.train.loop import RESULT, Run, Watcher
from wit_builder.train.settings import Training


def top1(
    training: Training,
    out: Path,
    watcher: Watcher,
    *,
    eval_set: Path,
    exclude: str,
    cache: Path,
    save_every: int,
) -> float:
    """Zero-shot accuracy on the set of classes at the end of the run in `out`.

    A finished run is not done again, an unfinished one goes on from its checkpoint, and those of a finished one go.
    Raises engine.task.Stopped when a signal ended it; the same call goes on.
    """
    if (score := _score(out)) is not None:
        return score
    run = Run(out, resume=True, save_every=save_every, keep=1)
    with joined() as ranks:
        made = start.trainer(
            training,
            run,
            ranks,
            workers=start.readers(),
            eval_sets=(eval_set,),
            exclude=exclude,
            cache=Cache(cache),
        )
        made.train(watcher)
    if (score := _score(out)) is None:
        raise Stopped
    shutil.rmtree(out / checkpoint.FOLDER, ignore_errors=True)
    return score


def _score(out: Path) -> float | None:
    """That of a run that is finished."""
    path = out / RESULT
    if not path.exists():
        return None
    told = orjson.loads(path.read_bytes())
    return float(told["scores"][0]["top1"]) if told["state"] == "complete" else None
