"""Figure 2 again: how soon each objective reaches what zero-shot accuracy, on the same images in the same order."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson

from wit_builder import storage
from wit_builder.errors import ConfigError
from wit_builder.model.ranks import Ranks
from wit_builder.train import curves, start, telemetry
from wit_builder.train.loop import Run, Watcher
from wit_builder.train.settings import Training

PICTURE, TABLE = "efficiency.png", "efficiency.jsonl"
THREE = {  # as the figure names them
    "Transformer Language Model": {"objective": "captions", "text_encoder": "transformer"},
    "Bag of Words Prediction": {"objective": "words", "text_encoder": "transformer"},
    "Bag of Words Contrastive (CLIP)": {"objective": "contrastive", "text_encoder": "cbow"},
}


def efficiency(
    training: Training,
    run: Run,
    ranks: Ranks,
    watcher: Watcher,
    *,
    workers: int,
    eval_sets: Sequence[Path],
    exclude: str = "",
) -> dict[str, list[tuple[float, float]]] | None:
    """Train the three, each into a folder of its own below `run.out`; what is finished is not done again.

    Returns (images processed, top-1) of each by name; also as OUT/efficiency.jsonl and .png, by the first of the
    sets. None where a signal ended it. Raises ConfigError without one.
    """
    if not eval_sets:
        raise ConfigError(
            "the study measures zero-shot accuracy, and no held-out set is given", "--eval-set FOLDER"
        )
    drawn: dict[str, list[tuple[float, float]]] = {}
    scores: list[telemetry.Record] = []
    for name, values in THREE.items():
        watcher.say(name)
        own = replace(training, **values)  # type: ignore[arg-type]
        into = replace(run, out=run.out / own.objective, resume=True)
        made = start.trainer(own, into, ranks, workers=workers, eval_sets=eval_sets[:1], exclude=exclude)
        if made.train(watcher).state == "stopped":
            return None
        found = [one for one in telemetry.records(into.out / telemetry.METRICS) if "top1" in one]
        drawn[name] = [(one["images_seen"], one["top1"]) for one in found]
        scores += [{"objective": name, **one} for one in found]
    if ranks.first:
        lines = b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in scores)
        storage.write_bytes(run.out / TABLE, lines)
        curves.compared(drawn, scores[-1]["chance"], run.out / PICTURE)
    return drawn
