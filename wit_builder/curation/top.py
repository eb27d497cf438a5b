"""Which pairs are among the best of all, by a score that a rule has stored?

Scores are rounded where they are stored, so there are few different ones: each task that judges counts how many
pairs have which, and one task reads the lowest that stays off the sum. Pairs with that very score all stay, so what
stays depends on neither order, workers nor engine.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder import storage
from wit_builder.curation import tables
from wit_builder.curation.settings import Top
from wit_builder.engine.task import Task, read_json
from wit_builder.errors import BuildError
from wit_builder.mirror import here

REASON = "not_among_best"

_TALLY = pa.schema([("score", pa.float64()), ("pairs", pa.int64())])


def tally(task: Task, rows: pa.Table) -> None:
    """Counts the pairs of each score. params: top. Hands on `tally` (parquet); nothing where none is asked.

    rows: samples that the filters keep. Raises BuildError for one without the score.
    """
    top: Top | None = task.params["top"]
    if top is None:
        return
    scores = _scores(top, rows)
    if scores.null_count:
        raise BuildError(
            f"{scores.null_count:,} samples have no score {top.score!r}, by which the best are to stay",
            "put a rule that stores it for all samples among sample_filters, such as ClipScore",
        )
    counted = pa.table({"score": scores}).group_by("score").aggregate([([], "count_all")])
    tables.write_parquet(task.new_file("tally", ".parquet"), pa.table(counted.columns, schema=_TALLY))


def threshold(task: Task) -> None:
    """Finds the lowest score that stays.

    params: top, tallies ([parquet path]). Hands on `threshold` (JSON: a number, null where there are no pairs).
    """
    found = [pq.read_table(here(path)) for path in task.params["tallies"]]
    storage.write_json(task.new_file("threshold", ".json"), lowest(task.params["top"], found))


def lowest(top: Top, found: list[pa.Table]) -> float | None:
    """The score of the pair at place int(pairs * share) from the best, counted from 0, as DataComp's
    `get_threshold` reads it (baselines/apply_filter.py); the recipe's own where it has one.

    found: tallies.
    """
    if top.minimum is not None:
        return top.minimum
    table = pa.concat_tables([_TALLY.empty_table(), *found])
    summed = table.group_by("score").aggregate([("pairs", "sum")]).sort_by([("score", "descending")])
    if not summed.num_rows:
        return None
    upto = pc.cumulative_sum(summed.column("pairs_sum"))
    pairs = upto[-1].as_py()
    place = min(int(pairs * (top.share or 0)), pairs - 1)
    at = pc.index(pc.greater(upto, place), True).as_py()
    return float(summed.column("score")[at].as_py())


def best(task: Task, batches: Iterable[pa.RecordBatch]) -> NDArray[np.bool_]:
    """Which rows are among the best. batches: with scores. params: top, thresholds ([JSON path])."""
    least = _least(task)
    good = [np.asarray(pc.greater_equal(_scores(task.params["top"], batch), least)) for batch in batches]
    return np.concatenate([np.array([], bool), *good])


def losses(task: Task, rows: pa.Table) -> pa.Table:
    """Of rows that are not. params: as of `best`."""
    least = _least(task)
    scores = _scores(task.params["top"], rows).to_pylist()
    seen = [f"{score:g}, the lowest that stays is {least:g}" for score in scores]
    return tables.losses_of(rows, "clean", REASON, pa.array(seen, pa.string()))


def _least(task: Task) -> Any:
    return read_json(Path(task.params["thresholds"][0]))


def _scores(top: Top, rows: pa.Table | pa.RecordBatch) -> Any:
    return pc.map_lookup(rows.column("scores"), pa.scalar(top.score), "first").cast(pa.float64())
