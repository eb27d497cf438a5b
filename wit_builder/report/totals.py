"""A build in numbers: its funnel, what was dropped and why, and what the kept pairs are like.

Parquet is streamed a few thousand rows at a time and counts are bounded, so memory does not grow with the
build. Only the published files are read.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wit_builder.engine import tries
from wit_builder.errors import ShardError
from wit_builder.ledger import STAGES
from wit_builder.place import Place
from wit_builder.records import LOSS_SCHEMA
from wit_builder.report.diagnosis import Diagnosis, diagnose
from wit_builder.report.folder import Folder, plain
from wit_builder.report.queries import Queries, queries
from wit_builder.report.tally import Count, Tally
from wit_builder.shards.manifest import read_manifest

TOP = 20  # hosts, languages, ... that are named
MOST_HOSTS = 100_000  # told apart; beyond them the rarer half is forgotten
EXAMPLES = 3  # dropped items shown for each reason
SIZE_EDGES = (0, 100, 200, 300, 400, 600, 800, 1200, 2000)  # pixels, the shorter side of the original

_STRING = pa.string()
_SIDECAR = pa.schema(
    [(name, _STRING) for name in ("url", "status", "lang", "text_source", "licence")]
    + [("original_width", pa.int64()), ("original_height", pa.int64())]
)
_LOSS = pa.schema([LOSS_SCHEMA.field(name) for name in ("reason", "url", "caption", "evidence")])
_HOST = r"(?is)^https?://(?:[^/?#]*@)?(?P<host>\[[^\]/?#]*\]|[^/?#:]*)"
_BETWEEN = "\x1f"  # joins stage, host and reason to one text


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage of the funnel; seen = kept + all dropped."""

    stage: str
    seen: int
    kept: int
    dropped: tuple[Count, ...]  # by reason, most frequent first


@dataclass(frozen=True, slots=True)
class HostFailures:
    """A host whose pages or images were not had, and why."""

    host: str
    n: int
    reasons: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A dropped item."""

    stage: str
    reason: str
    url: str
    caption: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What there is to say of a build folder. All texts are safe to show on a terminal."""

    out: str
    name: str  # of the recipe, "" where build.json does not say
    state: str  # "complete", "started", or "" where build.json does not say
    started_at: str
    finished_at: str
    versions: tuple[tuple[str, str], ...]
    funnel: tuple[StageRow, ...]
    shards: int
    shard_bytes: int  # of all tars
    samples: int  # rows of status success in the sidecars
    hosts: tuple[Count, ...]  # of the kept images
    languages: tuple[Count, ...]  # of the kept captions, "" where not identified
    text_sources: tuple[Count, ...]  # where the kept captions stood
    licences: tuple[Count, ...]
    sizes: tuple[Count, ...]  # shorter side of the originals, in pixels
    queries: Queries | None  # what they found, None where the build has none
    failing_hosts: tuple[HostFailures, ...]
    diagnosis: Diagnosis  # of the failed downloads
    examples: tuple[Example, ...]
    notes: tuple[str, ...]  # what is missing, damaged or does not add up


def summary(out: Path | Place) -> Summary:
    """The build in OUT, finished or not. Raises ConfigError when OUT is no build folder."""
    return summarise(Folder(out))


def summarise(folder: Folder, *, curve: bool = False) -> Summary:
    """The same for a folder whose notes the caller goes on gathering; curve: whether that of queries is drawn."""
    build = _build(folder)
    funnel = _funnel(folder)
    ledger = _Ledger(folder)
    kept = _Kept(folder)
    tars = folder.files("shards/*.tar")
    _note_given_up(folder, "retry" if build["state"] == "complete" else "work")
    if build["state"] == "complete":
        _compare_ledger(folder, funnel, ledger)
        _compare_shards(folder, funnel, kept.samples)
    return Summary(
        out=plain(folder.there.name, 1000),
        **build,
        funnel=funnel,
        shards=len(tars),
        shard_bytes=sum(tars.values()),
        samples=kept.samples,
        hosts=kept.hosts.top(TOP),
        languages=kept.languages.top(TOP),
        text_sources=kept.text_sources.top(TOP),
        licences=kept.licences.top(TOP),
        sizes=kept.size_counts(),
        queries=queries(folder, curve=curve),
        failing_hosts=ledger.failing_hosts(),
        diagnosis=ledger.diagnosis(_row(funnel, "fetch")),
        examples=tuple(ledger.examples),
        notes=folder.notes,
    )


def _note_given_up(folder: Folder, work: str) -> None:
    """What stopped a command that is not finished. work: where its stages lie."""
    for name in folder.files(f"{work}/*/{tries.FOLDER}/*.json"):
        _, stage, _, file = name.split("/")
        if not folder.files(f"{work}/{stage}/done/{file}"):
            reason = folder.json(name).get("reason", "")
            folder.note(f"stage {stage}: task {file.removesuffix('.json')} was given up: {reason}")


def as_json(shown: Summary) -> dict[str, Any]:
    """The summary in JSON types, for programs. The funnel has the shape of funnel.json."""
    value = asdict(shown)
    value["versions"] = dict(shown.versions)
    value["funnel"] = {
        row.stage: {"seen": row.seen, "kept": row.kept, "dropped": {c.name: c.n for c in row.dropped}}
        for row in shown.funnel
    }
    for name in ("hosts", "languages", "text_sources", "licences", "sizes"):
        value[name] = {count.name: count.n for count in getattr(shown, name)}
    value["failing_hosts"] = {
        host.host: {count.name: count.n for count in host.reasons} for host in shown.failing_hosts
    }
    value["diagnosis"] = shown.diagnosis.as_json()
    return value


def diagnosed(out: Path | Place) -> Diagnosis:
    """Why downloads of the build in OUT failed. Raises ConfigError when OUT is no build folder."""
    folder = Folder(out)
    return _Ledger(folder, ("fetch",)).diagnosis(_row(_funnel(folder), "fetch"))


def _build(folder: Folder) -> dict[str, Any]:
    state = folder.json("build.json")
    recipe, versions = state.get("recipe"), state.get("versions")
    return {
        "name": _text(recipe, "name"),
        "state": _text(state, "state"),
        "started_at": _text(state, "started_at"),
        "finished_at": _text(state, "finished_at"),
        "versions": tuple((plain(k, 60), plain(v, 60)) for k, v in versions.items())
        if isinstance(versions, Mapping)
        else (),
    }


def _text(value: Any, key: str) -> str:
    found = value.get(key) if isinstance(value, Mapping) else None
    return plain(found, 200) if isinstance(found, str) else ""


def _funnel(folder: Folder) -> tuple[StageRow, ...]:
    value = folder.json("funnel.json")
    rows = []
    for stage in STAGES:
        if stage not in value:
            continue
        row = _stage_row(stage, value[stage])
        if row is None:
            folder.note(f"funnel.json says nothing that can be read of the stage {stage}")
        else:
            rows.append(row)
            if row.seen != row.kept + sum(count.n for count in row.dropped):
                folder.note(
                    f"funnel.json does not add up at the stage {stage}: seen is not kept plus dropped"
                )
    return tuple(rows)


def _row(funnel: tuple[StageRow, ...], stage: str) -> StageRow | None:
    return next((row for row in funnel if row.stage == stage), None)


def _stage_row(stage: str, value: Any) -> StageRow | None:
    if not isinstance(value, Mapping) or not isinstance(dropped := value.get("dropped"), Mapping):
        return None
    numbers = [value.get("seen"), value.get("kept"), *dropped.values()]
    if not all(type(number) is int and 0 <= number < 1 << 53 for number in numbers):
        return None
    counts = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    return StageRow(stage, value["seen"], value["kept"], tuple(Count(plain(r, 80), n) for r, n in counts))


class _Ledger:
    """What the ledger holds: reasons by stage, examples of each, and the hosts that failed."""

    def __init__(self, folder: Folder, stages: tuple[str, ...] = STAGES) -> None:
        self.rows: Counter[str] = Counter()  # by stage
        self.reasons: dict[str, Tally] = {}
        self.examples: list[Example] = []
        self._out = folder.there.name
        self._failures = Tally(MOST_HOSTS)
        self._unfetched = Tally(1_000)  # reasons of failed downloads, but for those that `wit forget` emptied
        for stage in stages:
            for name in folder.files(f"ledger/stage={stage}/*.parquet"):
                for batch in folder.batches(name, _LOSS):
                    self._add(stage, batch)
        if not self._failures.exact:
            folder.note("so many hosts failed that their counts are lower bounds")

    def _add(self, stage: str, batch: pa.RecordBatch) -> None:
        self.rows[stage] += batch.num_rows
        reasons = self.reasons.setdefault(stage, Tally(1_000))
        self._show(stage, batch, reasons)
        reasons.add(batch.column("reason"))
        if stage in ("pages", "fetch"):
            batch = batch.filter(pc.not_equal(batch.column("url"), ""))
            hosts, because = hosts_of(batch.column("url")), batch.column("reason")
            self._failures.add(pc.binary_join_element_wise(stage, hosts, because, _BETWEEN))
            if stage == "fetch":
                self._unfetched.add(because)

    def _show(self, stage: str, batch: pa.RecordBatch, before: Tally) -> None:
        """Keep the first rows of each reason that has not enough examples yet."""
        for reason in pc.unique(batch.column("reason")).to_pylist():
            wanted = EXAMPLES - before[reason]
            if wanted <= 0 or len(self.examples) >= 1_000:
                continue
            rows = batch.filter(pc.equal(batch.column("reason"), reason)).slice(0, wanted)
            self.examples += [_example(stage, row) for row in rows.to_pylist()]

    def failing_hosts(self) -> tuple[HostFailures, ...]:
        hosts = [
            HostFailures(
                plain(host, 120),
                counts.total(),
                tuple(Count(plain(reason, 80), n) for reason, n in counts.most_common(5)),
            )
            for host, counts in self._by_host("pages", "fetch").items()
        ]
        return tuple(sorted(hosts, key=lambda host: (-host.n, host.host))[:TOP])

    def diagnosis(self, fetched: StageRow | None) -> Diagnosis:
        return diagnose(
            dict(self._unfetched.items()),
            self._by_host("fetch"),
            fetched.kept if fetched else 0,
            f"wit retry {plain(quote(self._out), 1000)} --only",
            self._failures.exact,
            once=True,
        )

    def _by_host(self, *stages: str) -> dict[str, Counter[str]]:
        hosts: dict[str, Counter[str]] = defaultdict(Counter)
        for joined, n in self._failures.items():
            stage, host, reason = joined.split(_BETWEEN, 2)
            if stage in stages:
                hosts[host][reason] += n
        return hosts


class _Kept:
    """What the sidecars say of the kept pairs."""

    def __init__(self, folder: Folder) -> None:
        self.samples = 0
        self.hosts = Tally(MOST_HOSTS)
        self.languages, self.text_sources, self.licences = Tally(1_000), Tally(1_000), Tally(10_000)
        self._sizes = np.zeros(len(SIZE_EDGES), dtype=np.int64)
        for name in folder.files("shards/*.parquet"):
            for batch in folder.batches(name, _SIDECAR):
                self._add(batch.filter(pc.equal(batch.column("status"), "success")))
        if not self.hosts.exact:
            folder.note("so many hosts are in the data set that their counts are lower bounds")

    def _add(self, batch: pa.RecordBatch) -> None:
        self.samples += batch.num_rows
        self.hosts.add(hosts_of(batch.column("url")))
        self.languages.add(batch.column("lang"))
        self.text_sources.add(batch.column("text_source"))
        self.licences.add(batch.column("licence"))
        sides = pc.min_element_wise(batch.column("original_width"), batch.column("original_height"))
        bins = np.digitize(sides.drop_null().to_numpy(zero_copy_only=False), SIZE_EDGES[1:])
        self._sizes += np.bincount(bins, minlength=len(SIZE_EDGES))

    def size_counts(self) -> tuple[Count, ...]:
        names = [f"{low}–{high - 1}" for low, high in pairwise(SIZE_EDGES)] + [f"{SIZE_EDGES[-1]} and more"]
        return tuple(Count(name, int(n)) for name, n in zip(names, self._sizes, strict=True))


def hosts_of(urls: pa.Array) -> pa.Array:
    """The host of each URL, lower case, "" where there is none."""
    return pc.utf8_lower(pc.fill_null(pc.struct_field(pc.extract_regex(urls, _HOST), "host"), ""))


def _example(stage: str, row: Mapping[str, str]) -> Example:
    return Example(
        stage, plain(row["reason"], 80), plain(row["url"]), plain(row["caption"]), plain(row["evidence"], 200)
    )


def _compare_ledger(folder: Folder, funnel: tuple[StageRow, ...], ledger: _Ledger) -> None:
    for row in funnel:
        dropped, found = sum(count.n for count in row.dropped), ledger.rows[row.stage]
        if dropped != found:
            folder.note(
                f"funnel.json counts {dropped} items dropped at {row.stage}, the ledger holds {found}"
            )


def _compare_shards(folder: Folder, funnel: tuple[StageRow, ...], samples: int) -> None:
    """Note where funnel, sidecars, manifest and tars disagree; `wit verify` compares every byte."""
    kept = next((row.kept for row in funnel if row.stage == "clean"), samples)
    if kept != samples:
        folder.note(f"funnel.json counts {kept} pairs kept, the shards' parquet files hold {samples}")
    try:
        shards = read_manifest(folder.there)
    except ShardError as error:
        folder.note(str(error).replace(f"{folder.there.name}/", ""))
        return
    sizes = folder.files("shards/*.tar")
    for info in shards:
        name = f"shards/{info.file}"
        found = f"has {sizes[name]} bytes" if name in sizes else "is missing"
        if found != f"has {info.bytes} bytes":
            folder.note(f"{name} {found}, its manifest says {info.bytes} bytes")
