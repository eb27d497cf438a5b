"""A folder that `wit fetch` wrote, in a few lines: how many rows became pairs, and why the others did not."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wit_builder.errors import ShardError
from wit_builder.place import Place
from wit_builder.report.diagnosis import MOST_HOSTS, Diagnosis, diagnose
from wit_builder.report.tally import Tally
from wit_builder.report.totals import hosts_of

AGAIN = "wit fetch ... --retry"
_BETWEEN = "\x1f"  # joins host and reason to one text


@dataclass(frozen=True, slots=True)
class Fetched:
    """What its sidecars say."""

    rows: int
    pairs: int
    diagnosis: Diagnosis


def is_fetched(there: Place) -> bool:
    """Whether shards of `wit fetch` lie there, and no build."""
    pieces = there.pieces() or set()
    return "build.json" not in pieces and any(name.endswith("_stats.json") for name in pieces)


def fetched(there: Place) -> Fetched:
    """What became of the rows of all sidecars in OUT, read in bounded memory.

    Raises ShardError for a sidecar that cannot be read, or has no columns url and reason.
    """
    rows, failures = 0, Tally(MOST_HOSTS)
    reasons: Counter[str] = Counter()
    for name in there.sizes("*.parquet"):
        for batch in _batches(there, name):
            rows += batch.num_rows
            lost = batch.filter(pc.is_valid(batch.column("reason")))
            found = pc.value_counts(lost.column("reason")).to_pylist()
            reasons.update({entry["values"]: entry["counts"] for entry in found})
            hosts = hosts_of(lost.column("url"))
            failures.add(pc.binary_join_element_wise(hosts, lost.column("reason"), _BETWEEN))
    by_host: dict[str, Counter[str]] = defaultdict(Counter)
    for joined, n in failures.items():
        host, _, reason = joined.partition(_BETWEEN)
        by_host[host][reason] += n
    pairs = rows - reasons.total()
    return Fetched(rows, pairs, diagnose(reasons, by_host, pairs, AGAIN))


def _batches(there: Place, name: str) -> Iterator[pa.RecordBatch]:
    try:
        with there.open(name) as opened, pq.ParquetFile(opened, pre_buffer=False) as file:
            missing = {"url", "reason"} - set(file.schema_arrow.names)
            if missing:
                raise ShardError(
                    f"{there.at(name)} is no sidecar of wit fetch: it has no {' and no '.join(sorted(missing))}"
                )
            yield from file.iter_batches(columns=["url", "reason"], use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise ShardError(f"{there.at(name)} cannot be read: {error}") from error
