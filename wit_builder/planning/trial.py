"""A sample of the list, really fetched: by the fetch stage itself, politely, in a folder that goes afterwards."""

import os
import platform
import resource
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from wit_builder import storage
from wit_builder.engine import shuffle
from wit_builder.engine.children import Child, dismiss
from wit_builder.engine.local import Executor, Needs, Progress
from wit_builder.engine.stage import number, run_stage
from wit_builder.engine.task import Done, Task, files, read_json
from wit_builder.fetch import fetch as stage
from wit_builder.fetch import pixels
from wit_builder.images.picture import ImageSpec
from wit_builder.planning.rates import Mean, Rates, undecoded
from wit_builder.records import CANDIDATE_SCHEMA, Candidate, Sample, samples, to_table
from wit_builder.report.diagnosis import by_host
from wit_builder.road import write_session
from wit_builder.shards.writer import ShardSpec, write_shard
from wit_builder.web.settings import WebSettings
from wit_builder.web.url import host_of
from wit_builder.web.visitor import Asked, overhear

QUANTILES = 101  # of the seconds of a request, that are kept
_RULES = ("/robots.txt", "/.well-known/tdmrep.json")
_UNANSWERED = frozenset({"dns", "connect", "timeout", "tls", "network_refused", "no_room"})


def try_rows(
    rows: Sequence[Candidate],
    web: WebSettings,
    image: ImageSpec,
    executor: Executor,
    folder: Path,
    connect_to: Mapping[str, str | None],
    progress: Progress,
    bad: int = 0,
) -> tuple[Rates, dict[str, Counter[str]]]:
    """Fetch these rows; what that took, and failures by host and reason.

    bad: rows that were drawn with them, whose address cannot be used; they are lost too. folder: empty; what is
    written there is of no use afterwards. Raises Stopped and BuildError as stages do.
    """
    given = folder / "rows"
    shuffle.write(given, to_table(rows, CANDIDATE_SCHEMA), np.zeros(len(rows), np.int64), 1)
    write_session(folder, connect_to)
    params = {"inputs": [str(given)], "bins": 1, "stays": [], "web": web, "image": image}
    tasks, needs = number([0]), Needs(io=True)
    done = run_stage(executor, folder, "fetch", f"{__name__}:measured", tasks, params, needs, progress)
    return _rates(folder, done, Counter(row.url for row in rows), bad), _failures(done)


def measured(task: Task) -> None:
    """The fetch stage's own task, overheard.

    Hands on what that does, and `measured` (JSON): what is known of each request (Asked), and CPU
    seconds of the process that asks and of those that decode.
    """
    asked: list[Asked] = []
    start_s, start_cpu_s = _start()
    before = _cpu_s()
    token = overhear.set(asked.append)
    try:
        stage.fetch(task)
    finally:
        overhear.reset(token)
    asking, decoding = (after - b for after, b in zip(_cpu_s(), before, strict=True))
    requests = [astuple(each) for each in asked]
    decoding = max(0.0, decoding - start_cpu_s * task.cpus)
    found = {"requests": requests, "start_s": start_s, "asking_s": asking, "decoding_s": decoding}
    storage.write_json(task.new_file("measured", ".json"), found)


def _cpu_s() -> tuple[float, float]:
    """Of this process, and of children that have ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    found = [resource.getrusage(kind) for kind in kinds]
    return found[0].ru_utime + found[0].ru_stime, found[1].ru_utime + found[1].ru_stime


def _start() -> tuple[float, float]:
    """Seconds and CPU seconds to start a process that decodes: 0.4 and 0.2, much beside a hundred pictures."""
    began, before = time.monotonic(), _cpu_s()[1]
    child = Child(pixels.SERVE)
    child.answer()
    seconds = time.monotonic() - began
    dismiss([child])
    return seconds, _cpu_s()[1] - before


def _rates(folder: Path, done: list[Done], urls: Counter[str], bad: int) -> Rates:
    (record,) = done
    (path,) = files(done, "measured")
    found = read_json(path)
    asked = [Asked(*each) for each in found["requests"]]
    pictures = [each for each in asked if not each.url.endswith(_RULES)]
    kept = [row for path in files(done, "samples") for row in samples(pq.read_table(path))]
    count = record.funnel["fetch"]
    rows, lost = count.seen + bad, dict(count.dropped + Counter(bad_url=bad))
    return Rates(
        rows=rows,
        lost=lost,
        down=Mean.of(_bodies(pictures, rows)),
        staged=Mean.of([row.length for row in kept]),
        stored=_weighed(folder, kept),
        pixels=Mean.of([row.original_width * row.original_height for row in kept]),
        request_cpu_s=found["asking_s"] / max(1, len(asked)),
        picture_cpu_s=found["decoding_s"] / max(1, len(kept) + undecoded(lost)),
        picture_requests=len(pictures) / max(1, rows),
        rule_requests=(len(asked) - len(pictures)) / max(1, len({host_of(each.url) for each in asked})),
        latency_s=_quantiles([each.seconds for each in pictures if each.reason not in _UNANSWERED]),
        waiting_s=sum(each.seconds for each in asked) / max(1, len(asked)),
        start_s=found["start_s"],
        straggler_s=_straggler(asked, urls),
        address_share=_address_share(asked),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=f"{platform.machine()}, {os.cpu_count()} cores",
    )


def _bodies(pictures: Sequence[Asked], rows: int) -> list[float]:
    """Bytes that came for each row, in any order."""
    came = [0.0] * rows
    for n, size in enumerate(each.size for each in pictures if each.size):
        came[n % rows] += size  # more than one a row where redirects have bodies
    return came


def _weighed(folder: Path, kept: Sequence[Sample]) -> float:
    """Bytes of a pair in a shard, its row of the sidecar among them: these pairs' own shard is written."""
    if not kept:
        return 0.0
    (folder / "shard").mkdir()
    spec = ShardSpec(samples_per_shard=len(kept))
    info = write_shard(folder / "shard", 0, kept, lambda row: _staged(folder / "fetch", row), (), spec)
    return (info.bytes + info.sidecar_bytes) / len(kept)


def _staged(base: Path, row: Sample) -> bytes:
    with (base / row.tar).open("rb") as file:
        file.seek(row.offset)
        return file.read(row.length)


def _quantiles(values: Sequence[float]) -> tuple[float, ...]:
    """The values, ascending; of very many as many as stand for them."""
    if len(values) <= QUANTILES:
        return tuple(sorted(values))
    return tuple(np.quantile(values, np.linspace(0.0, 1.0, QUANTILES)).tolist())


def _straggler(asked: Sequence[Asked], urls: Counter[str]) -> float:
    """Seconds from the first try of a row, or of rules, to the end of its last, at most. urls: of the rows.

    An address that several rows have, or to which they are redirected, is each time another's.
    """
    began: dict[str, float] = {}
    longest = 0.0
    for each in asked:
        one = urls[each.url] == 1 or each.url.endswith(_RULES)
        since = began.setdefault(each.url, each.began) if one else each.began
        longest = max(longest, each.began + each.seconds - since)
    return longest


def _address_share(asked: Sequence[Asked]) -> float:
    """The share of requests that went to the address that most went to."""
    addresses = Counter(each.ip for each in asked if each.ip)
    return max(addresses.values(), default=0) / max(1, addresses.total())


def _failures(done: list[Done]) -> dict[str, Counter[str]]:
    tables = [pq.read_table(path, columns=["url", "reason"]).to_pydict() for path in files(done, "failures")]
    return by_host(
        (host_of(url), reason)
        for table in tables
        for url, reason in zip(table["url"], table["reason"], strict=True)
    )
