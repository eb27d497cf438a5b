"""A folder that `wit fetch` wrote, in a few lines: how many rows became pairs, and why the others did not."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

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
    others: int = 0  # sidecars beside them that `wit fetch` did not write; their rows are not counted

    def as_json(self) -> dict[str, Any]:
        """In JSON types."""
        return asdict(self) | {"diagnosis": self.diagnosis.as_json()}


def is_fetched(there: Place) -> bool:
    """Whether shards of `wit fetch` lie there, and no build."""
    pieces = there.pieces() or set()
    return "build.json" not in pieces and any(name.endswith("_stats.json") for name in pieces)


def fetched(there: Place, shards: Collection[str] | None = None) -> Fetched:
    """What became of the rows of all sidecars in OUT, or of these shards', read in bounded memory.

    A sidecar that lacks a column url or reason is another's: img2dataset's in a folder that was extended.
    Raises ShardError for one that cannot be read.
    """
    rows, others, failures = 0, 0, Tally(MOST_HOSTS)
    reasons: Counter[str] = Counter()
    for name in there.sizes("*.parquet"):
        if shards is not None and name.removesuffix(".parquet") not in shards:
            continue
        with _sidecar(there, name) as file:
            if not {"url", "reason"} <= set(file.schema_arrow.names):
                others += 1
                continue
            for batch in file.iter_batches(columns=["url", "reason"], use_threads=False):
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
    return Fetched(rows, pairs, diagnose(reasons, by_host, pairs, AGAIN, failures.exact), others)


@contextmanager
def _sidecar(there: Place, name: str) -> Iterator[pq.ParquetFile]:
    try:
        with there.open(name) as opened, pq.ParquetFile(opened, pre_buffer=False) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise ShardError(f"{there.at(name)} cannot be read: {error}") from error
