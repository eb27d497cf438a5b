"""`wit fetch`: a list is read, then window by window its images are fetched and written as img2dataset's shards.

    OUT/00000.tar ...           what is wanted
    OUT/_wit/fetch.json         what OUT was begun with (state.py)
    OUT/_wit/run-00000/         while a list is being fetched: its parts, and of the window at work plans, done
                                records and staged images

A shard is done once its stats stand in OUT. A run that was stopped or killed goes on where it was: with the shards
that are missing, and within its window with what was not fetched yet.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import build, publish, storage
from wit_builder.blocklist import blocked
from wit_builder.download import folder, state, there
from wit_builder.download.settings import Download, Mode, taken
from wit_builder.download.windows import Shard, Window, Windows, row_id
from wit_builder.engine import task as engine
from wit_builder.engine.local import Executor, Needs
from wit_builder.engine.stage import number, run_stage
from wit_builder.errors import ConfigError, many
from wit_builder.ledger import Funnel, reasons_meant
from wit_builder.lists import plan as lists
from wit_builder.place import Place
from wit_builder.road import BOUNDED, Watcher, write_session
from wit_builder.shards.layout import carried, carry
from wit_builder.shards.writer import ShardSpec

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Where:
    """What is of this run and not of the shards."""

    place: Place
    connect_to: Mapping[str, str | None]  # host pattern to ip:port, for test webs
    bins: int = 1  # fetch tasks at a time, each with the domains that are its own

    @property
    def out(self) -> Path:
        """The folder to work in."""
        return self.place.folder


def run(
    asked: Download,
    mode: Mode,
    where: Where,
    executor: Executor,
    watcher: Watcher,
    retry: Sequence[str] = (),
) -> folder.Totals:
    """Fetch the list, or what is missing of it; what all its shards add up to.

    retry: reasons of failures that are tried again afterwards, or families of them: 4xx, 5xx.
    Raises ConfigError when nothing was started, BuildError when a stage stops, engine.task.Stopped when the
    user asked to stop.
    """
    if retry and asked.output == "dummy":
        raise ConfigError("--output_format dummy writes down no failures that could be tried again")
    listed = lists.plan(asked.urls, taken(asked.layout, asked.output))
    _check_digits(_fewest(listed.tasks, asked.shards.samples_per_shard), asked.shards)
    home = where.out / state.FOLDER
    refused = blocked.gathered(asked.blocklist, home)
    there.taken_up(where.place, mode)
    state.admit(where.out, asked, mode)
    _make(home)
    with build.only_one(home):
        publish.tidy(home)
        storage.sweep(where.out)
        known, this = state.begin(where.out, asked, listed.sources, mode, bool(retry))
        _check_retry(where.out, this, retry)
        there.begun(where.place)
        whole = folder.finished(where.out, known.shape, this.first, this.end)
        root = home / f"run-{this.first:05d}"
        if retry or not whole:
            known.mark(where.out, this, done=False)
            layout = replace(asked.layout, carried=_columns(listed.carried, asked.columns))
            road = _Road(replace(asked, layout=layout), where, root, executor, watcher)
            road.refuses(refused)
            windows = road.read(listed.tasks, this.first)
            _numbered(windows, asked.shards, known, this, where)
            if not whole:
                road.fetch(windows)
            if retry:
                _retry(known, this, retry, road, windows)
        if not this.done:
            if asked.output == "webdataset":
                folder.write_length(where.out)
            publish.clear(root)
            known.mark(where.out, this, done=True)
        assert this.end is not None
        found = folder.totals(where.out, known.shape, range(this.first, this.end))
        there.ended(where.place)
        return found


def _numbered(windows: Windows, spec: ShardSpec, known: state.State, this: state.Run, where: Where) -> None:
    """Write down how many shards the list makes. Where there are too many, it is as if nothing had been begun."""
    try:
        _check_digits(windows.end, spec, beside=this.first > 0)
    except ConfigError:
        publish.clear(where.out / state.FOLDER / f"run-{this.first:05d}")
        known.withdraw(where.out, this)
        there.withdrawn(where.place)
        raise
    this.end = windows.end
    known.write(where.out)


def _fewest(tasks: Sequence[Mapping[str, Any]], per_shard: int) -> int:
    """How many shards the list makes at least, by what is known of it before it is read: parquet says its rows."""
    rows: Counter[int] = Counter()
    for task in tasks:
        rows[task["number"]] = max(rows[task["number"]], task["end"] or 0)
    return sum(-(-n // per_shard) for n in rows.values())


def _check_digits(end: int, spec: ShardSpec, beside: bool = False) -> None:
    """Raise ConfigError where shards up to that number outnumber their digits. beside: OUT has others already."""
    if end > spec.max_shards:
        more = f"--oom_shard_count {len(str(end - 1))}, or a larger --number_sample_per_shard"
        raise ConfigError(
            f"{many(end, 'shard')} cannot be numbered with {many(spec.index_digits, 'digit')}",
            "name another --out: those that are there have as many digits" if beside else more,
        )


def _check_retry(out: Path, this: state.Run, retry: Sequence[str]) -> None:
    if this.retry and this.retry != list(retry):
        words = ",".join(this.retry)
        raise ConfigError(
            f"{str(out)!r} has an unfinished retry of {words}", f"the same command with --retry {words}"
        )


def _retry(
    known: state.State, this: state.Run, retry: Sequence[str], road: "_Road", windows: Windows
) -> None:
    """Until it is done the state has it: a shard may be half replaced."""
    there.sidecars_back(road.place)
    reasons = road.reasons(windows, retry)
    this.retry = list(retry)
    known.write(road.out)
    road.mend(windows, reasons)
    this.retry = []
    known.write(road.out)


class _Road:
    """The stages of one run."""

    def __init__(
        self, asked: Download, where: Where, root: Path, executor: Executor, watcher: Watcher
    ) -> None:
        self.place, self.out = where.place, where.out
        self._asked, self._where, self._root = asked, where, root
        self._executor, self._watcher = executor, watcher
        self._shape = asked.shape()
        self._refused = ""  # file of what must not be taken

    def refuses(self, entries: pa.Table) -> None:
        """From now on none of these is taken."""
        self._refused = blocked.write(self._root, entries)

    def read(self, tasks: Sequence[Any], first: int) -> Windows:
        """Read the list into parts."""
        asked = self._asked
        records = run_stage(
            self._executor,
            self._root,
            "read",
            "wit_builder.lists.collect:rows",
            number(list(tasks)),
            {"rows_per_part": asked.rows_per_part},
            BOUNDED,
            self._watcher.stage("read", len(tasks)),
        )
        return Windows(
            engine.files(records, "candidates"),
            engine.files(records, "failures"),
            asked.shards.samples_per_shard,
            asked.rows_per_part,
            first,
        )

    def fetch(self, windows: Windows) -> None:
        """Fetch what is missing, window by window."""
        all_ = list(windows)
        told = _Told(self._watcher, len(all_), windows.rows)
        for place, window in enumerate(all_):
            told.earlier(folder.totals(self.out, self._shape, _numbers(window)))
            while missing := self._missing(window):
                self._window(self._root / f"window-{place:05d}", window, missing, told)
            told.ended()

    def reasons(self, windows: Windows, words: Sequence[str]) -> list[str]:
        """The reasons that these words mean, as when it was begun; none where nothing failed for them."""
        path = self._root / "reasons.json"
        if not path.exists():
            present: Counter[str] = Counter()
            for shard in (shard for window in windows for shard in window.shards):
                present.update(folder.failed(self.out, self._shape, shard.number).values())
            storage.write_json(path, reasons_meant(words, present))
        found: list[str] = engine.read_json(path)
        return found

    def mend(self, windows: Windows, reasons: Sequence[str]) -> None:
        """Fetch again what failed for these reasons, and write the shards it belongs to anew."""
        all_ = list(windows)
        told = _Told(self._watcher, len(all_), 0)
        for place, window in enumerate(all_):
            root, done = self._root / f"retry-{place:05d}", self._root / f"retry-{place:05d}.json"
            if not done.exists():
                ids = {shard: self._failed(shard, reasons) for shard in window.shards}
                shards = [shard for shard in window.shards if ids[shard]]
                if shards or root.exists():
                    told.more(sum(map(len, ids.values())))
                    self._window(root, window, shards, told, [id_ for some in ids.values() for id_ in some])
                storage.write_json(done, {})
            told.ended()

    def _failed(self, shard: Shard, reasons: Sequence[str]) -> list[str]:
        """The ids of the rows that failed for these reasons."""
        first = int(shard.first[8:], 16)
        failed = folder.failed(self.out, self._shape, shard.number)
        size = 10**self._asked.shards.key_digits
        return [
            row_id(int(shard.first[:8], 16), first + int(key) % size)
            for key, reason in failed.items()
            if reason in reasons
        ]

    def _missing(self, window: Window) -> list[Shard]:
        numbers = folder.missing(self.out, self._shape, _numbers(window))
        return [shard for shard in window.shards if shard.number in numbers]

    def _window(
        self, root: Path, window: Window, shards: Sequence[Shard], told: "_Told", ids: Sequence[str] = ()
    ) -> None:
        """Fetch these shards of a window, and show them. What was begun before goes on with the shards of then.

        ids: of the only rows that are fetched; the others stay as they are published.
        """
        write_session(root, self._where.connect_to, self._refused)
        wanted, only = root / "shards.json", root / "only.parquet"
        if not wanted.exists():
            pq.write_table(pa.table({"id": pa.array(ids, pa.string())}), only)
            storage.write_json(wanted, [[shard.first, shard.last, shard.number] for shard in shards])
        mends = bool(pq.read_metadata(only).num_rows)
        work = _Work(self._executor, root, told, self._asked.retries)
        stems = [folder.stem_of(self._shape, number) for *_, number in engine.read_json(wanted)]
        self._fetch(work, window, str(wanted), str(only) if mends else "")
        if mends:
            there.back(self.place, stems)
        self._write(work, str(wanted), str(self.out) if mends else "")
        for stem, record in zip(stems, work.done["write"], strict=True):
            folder.show(self.out, record.files["shard"])
            there.bring(self.place, stem)
        told.now(work.funnel())
        publish.clear(root)

    def _fetch(self, work: "_Work", window: Window, wanted: str, only: str) -> None:
        """Spread the rows over bins of domains, download their images, send both to their shards."""
        asked, bins = self._asked, self._where.bins
        parts = {"candidates": _names(window.candidates), "failures": [] if only else _names(window.failures)}
        params = {"wanted": wanted, "only": only, "bins": bins}
        work.run("spread", "wit_builder.fetch.spread:spread", [parts], params)
        bins = work.param("spread", "bins")  # as it was planned, maybe for other processes than there are now
        params = {"inputs": work.files("spread", "candidates"), "bins": bins, "stays": []}
        params |= {"web": asked.web, "image": asked.image, "wishes": _names(self._wishes())}
        work.run("fetch", "wit_builder.fetch.fetch:fetch", list(range(bins)), params)
        self._remember(work.files("fetch", "wishes"))
        sources = [{"samples": work.files("fetch", "samples"), "dropped": [], "failures": []}]
        sources += [
            {"samples": [], "dropped": [], "failures": work.files(stage, "failures")}
            for stage in ("spread", "fetch")
        ]
        work.run("route", "wit_builder.pack.pack:route", sources, {"shards": wanted, "texts": []})

    def _wishes(self) -> list[Path]:
        """What hosts asked for in the window before."""
        return sorted(self._root.glob("wishes-*.jsonl"))

    def _remember(self, journals: Sequence[str]) -> None:
        """What hosts asked for in this window, which the next one begins with."""
        kept = [self._root / f"wishes-{bin_:05d}.jsonl" for bin_ in range(len(journals))]
        for journal, path in zip(journals, kept, strict=True):
            storage.write_bytes(path, Path(journal).read_bytes())
        for path in set(self._wishes()) - set(kept):
            path.unlink()

    def _write(self, work: "_Work", wanted: str, published: str) -> None:
        asked, shards = self._asked, len(engine.read_json(Path(wanted)))
        params: dict[str, Any] = {kind: work.files("route", kind) for kind in ("samples", "failures")}
        params |= {"shards": wanted, "spec": asked.shards, "layout": asked.layout, "output": asked.output}
        params |= {"staged": str(work.root / "fetch"), "published": published}
        work.run("write", "wit_builder.pack.pack:write_listed", list(range(shards)), params)


class _Work:
    """The stages of one window."""

    def __init__(self, executor: Executor, root: Path, told: "_Told", retries: int) -> None:
        self._executor, self.root, self._told, self._retries = executor, root, told, retries
        self.done: dict[str, list[engine.Done]] = {}

    def run(self, stage: str, function: str, arguments: Sequence[Any], params: Mapping[str, Any]) -> None:
        """One of them; what it counts is shown where it is the fetch."""
        fetches = stage == "fetch"
        needs = Needs(io=fetches, retries=self._retries, timeout_s=None if fetches else BOUNDED.timeout_s)
        self.done[stage] = run_stage(
            self._executor,
            self.root,
            stage,
            function,
            number(list(arguments)),
            params,
            needs,
            self._told.counts if fetches else lambda counts, finished: None,
        )

    def files(self, stage: str, kind: str) -> list[str]:
        """What its tasks handed on."""
        return _names(engine.files(self.done[stage], kind))

    def param(self, stage: str, name: str) -> Any:
        """A parameter as the stage was planned with."""
        return engine.read_json(self.root / stage / "plan.json")["params"][name]

    def funnel(self) -> Funnel:
        """What was had in this window, and what was lost for which reason."""
        funnel = Funnel()
        for records in self.done.values():
            for record in records:
                funnel.add(record.funnel)
        return funnel


class _Told:
    """The progress of all windows as one: the display knows no windows."""

    def __init__(self, watcher: Watcher, windows: int, rows: int) -> None:
        self._tell = watcher.stage("fetch", windows)
        self._rows = rows
        self._before: Counter[str] = Counter()  # what is behind us
        self._ended = 0

    def counts(self, now: Counts, _: int) -> None:
        """How far the window is that is being fetched."""
        counts = self._before + Counter({key: n for key, n in now.items() if key != "total"})
        self._tell({"total": self._rows} | counts, self._ended)

    def more(self, rows: int) -> None:
        """So many more there are."""
        self._rows += rows

    def earlier(self, shards: folder.Totals) -> None:
        """These were there before."""
        lost = shards.count - shards.successes
        self._before += Counter({"done": shards.count, "kept": shards.successes, "lost earlier": lost})
        self.counts({}, 0)

    def now(self, funnel: Funnel) -> None:
        """These have been fetched."""
        count = funnel["fetch"]
        self._before += Counter({"done": count.seen, "kept": count.kept})
        self._before += Counter({f"lost {reason}": n for reason, n in count.dropped.items()})
        self.counts({}, 0)

    def ended(self) -> None:
        """A window is through."""
        self._ended += 1
        self.counts({}, 0)


def _columns(text: str, wanted: Sequence[str]) -> str:
    """Of the list's columns those that stand in the output, in the order they were asked for."""
    known = carried(text)
    return carry(pa.schema([known.field(name) for name in wanted if name in known.names]))


def _numbers(window: Window) -> list[int]:
    return [shard.number for shard in window.shards]


def _names(paths: Sequence[Path]) -> list[str]:
    return [str(path) for path in paths]


def _make(home: Path) -> None:
    try:
        with storage.plain_errors(home):
            home.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ConfigError(
            f"{str(home.parent)!r} cannot be a folder: there is a file in the way",
            "name another folder with --out",
        ) from None
