"""The stages of one build: how each is cut into tasks, and what it hands to the next.

collect -> select -> fetch -> clean -> pack
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq

from wit_builder import mirror, publish, remote, settings, storage
from wit_builder.archive import inputs
from wit_builder.archive.settings import Archives
from wit_builder.crawl.settings import Crawl
from wit_builder.curation import balanced, histogram, meaning, near
from wit_builder.engine import task as engine
from wit_builder.engine.local import Executor, Needs, Progress
from wit_builder.engine.stage import number, run_stage
from wit_builder.errors import BuildError
from wit_builder.filtering import BatchFilter
from wit_builder.ledger import Funnel
from wit_builder.lists import plan as lists
from wit_builder.lists.collect import CARRIED
from wit_builder.lists.settings import UrlList
from wit_builder.recipe import Recipe

STAGES = ("collect", "select", "fetch", "clean", "pack")

ROWS_PER_JUDGE = 200_000  # candidates or samples that one filter task goes through: 8 s
ROWS_PER_PARTITION = 500_000  # rows that one dedup task holds in memory: 0.9 GB
ROWS_PER_NEAR = 500_000  # samples for each task that finds near ones, in some of 16 blocks
ROWS_PER_BIN = 2_000_000  # candidates of one fetch task, about. Many: it takes as long as its slowest host

BOUNDED = Needs(timeout_s=6 * 3600.0)  # what takes seconds or minutes, unless somebody's filter hangs


class Watcher(Protocol):
    """Who watches a build: the progress display."""

    def stage(self, name: str, tasks: int) -> Progress:
        """A stage begins; returns what is told its counts as they grow."""
        ...

    def say(self, sentence: str) -> None:
        """Something that the user should know."""
        ...


def write_session(root: Path, connect_to: Mapping[str, str | None], blocklist: str = "") -> None:
    """Tell the tasks of this run how hosts are reached (a list, since the first pattern that fits counts) and
    what must not be taken (`blocked.prepared`)."""
    value = {"connect_to": list(connect_to.items()), "blocklist": blocklist}
    mirror.write_json(root / "session.json", engine.movable(root, value))


class Road:
    """The stages of one build: how each is cut into tasks, and what it hands to the next."""

    def __init__(
        self,
        recipe: Recipe,
        root: Path,
        executor: Executor,
        watcher: Watcher,
        incumbents: Path | None = None,
        first_shard: int = 0,
    ) -> None:
        self._recipe, self._root, self._executor, self._watcher = recipe, root, executor, watcher
        self._incumbents = str(incumbents) if incumbents else None
        self._first_shard = first_shard
        self._staged = str(root / "fetch")  # what Sample.tar is relative to
        self.queries = root / histogram.NAME  # the list as it was when this began, if the recipe has one
        self.done: dict[str, list[engine.Done]] = {}

    def funnel(self) -> Funnel:
        """What the stages that were run have counted."""
        funnel = Funnel()
        for records in self.done.values():
            for record in records:
                funnel.add(record.funnel)
        return funnel

    def files(self, stage: str, kind: str) -> list[str]:
        """What the stage's tasks handed on under that kind."""
        return [str(path) for path in engine.files(self.done[stage], kind)]

    def shards(self) -> list[Path]:
        """The written shard files and their infos, as publish.shards wants them."""
        return engine.files(self.done["pack-write"], "shard")

    def losses(self) -> list[Path]:
        """All losses, parquet of LOSS_SCHEMA."""
        return [path for records in self.done.values() for path in engine.files(records, "losses")]

    def show_queries(self, out: Path) -> None:
        """Show the list with its counts in OUT, if the recipe has one."""
        if self._recipe.queries is not None:
            mirror.publish([(Path(self.files("clean-tell", "queries")[0]), out / histogram.NAME)])

    def collect(self) -> None:
        """Gather candidates from the recipe's source."""
        match self._recipe.source:
            case Crawl() as crawl:
                self._crawl(crawl)
            case Archives() as archives:
                self._read_archives(archives)
            case UrlList() as urls:
                self._read_list(urls)

    def _crawl(self, crawl: Crawl) -> None:
        """Raises BuildError when not one page could be read; the next run then asks again."""
        recipe = self._recipe
        params = {"crawl": crawl, "web": recipe.web, "extraction": recipe.extraction}
        self._run("collect", "wit_builder.crawl.collect:collect", [None], params, Needs(io=True))
        self._check_any(
            "pages",
            f"no page could be read from the seeds {', '.join(crawl.seeds[:3])}",
            "check the network, then the same command with --resume asks again; other seeds, another "
            "contact or an allow_network for private addresses need another --out",
        )

    def _read_archives(self, archives: Archives) -> None:
        """Raises BuildError when no archive holds a page."""
        given = [("warc", file) for file in inputs.files(archives.warc, "warc")]
        given += [("wat", file) for file in inputs.files(archives.wat, "wat")]
        names = remote.told_apart([file for _, file in given])
        tasks = [{"kind": kind, "file": file, "name": names[file]} for kind, file in given]
        params = {"web": self._recipe.web, "extraction": self._recipe.extraction}
        self._run("collect", "wit_builder.archive.collect:collect", tasks, params)
        self._check_any(
            "pages",
            f"no page could be read from the archives, {tasks[0]['file']} the first",
            "--warc wants whole responses (.warc.gz), --wat Common Crawl's metadata (.wat.gz)",
        )

    def _read_list(self, urls: UrlList) -> None:
        """Raises ConfigError when the list has no captions, or is another than when this build began;
        BuildError when not one of its rows can be used."""
        planned = engine.is_planned(self._root, "collect")
        if planned and engine.pending(self._root, "collect"):
            lists.check_unchanged(urls, settings.decode(self._param("collect", "sources")))
        tasks, params = ([], {}) if planned else self._plan_list(urls)
        self._run("collect", "wit_builder.lists.collect:collect", tasks, params)
        self._check_any(
            "extract",
            f"not one row of {', '.join(urls.files[:3])} can be used",
            "mend the list, then the same command with --resume reads it again; other columns need "
            "another --out",
        )

    def _check_any(self, stage: str, otherwise: str, hint: str) -> None:
        """Raises BuildError where nothing was collected; the next run then collects again."""
        count = self.funnel()[stage]
        if not count.kept:
            seen = self._first_loss()
            self._begin_anew()
            reasons = ", ".join(f"{reason} ({n})" for reason, n in count.dropped.most_common(3))
            raise BuildError(f"{otherwise}: {reasons or 'there is none'}{seen}", hint)

    def _begin_anew(self) -> None:
        """Nothing was collected, but what hosts asked for holds."""
        wishes = {Path(path): mirror.here(path).read_bytes() for path in self.files("collect", "wishes")}
        mirror.forget(self._root / "collect")
        publish.clear(self._root / "collect")
        for path, data in wishes.items():
            storage.write_bytes(path, data)
            mirror.renew(path)

    def _first_loss(self) -> str:
        """What was seen of the first item that was lost, "" where nothing is said of it."""
        for path in self.files("collect", "losses"):
            with pq.ParquetFile(mirror.here(path)) as file:
                for rows in file.iter_batches(1, columns=["evidence"], use_threads=False):
                    evidence = rows.column(0)[0].as_py()
                    return evidence and f"; the first is {evidence}"
        return ""

    def _plan_list(self, urls: UrlList) -> tuple[list[Any], dict[str, Any]]:
        plan = lists.plan(urls)
        lists.check_captions(plan)
        self._watcher.say(plan.said)
        return plan.tasks, {
            "sources": plan.sources,
            "carried": plan.carried,
            "mask": self._recipe.extraction.mask,
        }

    def collected(self, parts: Sequence[Path]) -> None:
        """Begin with these candidates (parquet) instead of a crawl."""
        self.done["collect"] = [engine.Done("given", {"candidates": list(parts)}, Funnel(), 0.0)]

    def select(self) -> None:
        """Filter candidates, one of each pair and URL."""
        parts = _sized(self.files("collect", "candidates"))
        bins = _number_of(parts, ROWS_PER_BIN)
        rules = {"duplicates": self._recipe.duplicates, "bins": bins}
        self._run(
            "select-judge",
            "wit_builder.curation.select:judge",
            [{"parts": group} for group in _groups(parts, ROWS_PER_JUDGE)],
            {
                "language": self._recipe.language,
                "filters": self._recipe.candidate_filters,
                "queries": self._recipe.queries,
                "list": str(self.queries),
            }
            | rules,
        )
        self._run(
            "select-captions",
            "wit_builder.curation.boilerplate:captions",
            list(range(bins)) if self._recipe.duplicates.max_images_per_caption is not None else [],
            {"inputs": self.files("select-judge", "captions")} | rules,
        )
        self._run(
            "select-unique",
            "wit_builder.curation.select:unique",
            list(range(bins)),
            {
                "inputs": self.files("select-judge", "candidates"),
                "boilerplate": self.files("select-captions", "boilerplate"),
            }
            | rules,
        )

    def selected(self) -> dict[str, Any]:
        """How what was selected is read, bin by bin: parameters of a stage over bins."""
        return {
            "inputs": self.files("select-judge", "candidates") + self.files("select-unique", "richer"),
            "bins": self._param("select-unique", "bins"),
            "stays": self.files("select-unique", "stays"),
        }

    def fetch(self) -> None:
        """Download what was selected, the largest bin first: it takes longest."""
        params = self.selected() | {
            "web": self._recipe.web,
            "image": self._recipe.image,
            "wishes": self.files("collect", "wishes"),
        }
        kept = [record.funnel["select"].kept for record in self.done["select-unique"]]
        bins = sorted(range(params["bins"]), key=lambda bin_: -kept[bin_])
        self._run("fetch", "wit_builder.fetch.fetch:fetch", bins, params, Needs(io=True))

    def clean(self) -> None:
        """Filters that see the picture, the best of what they keep, then duplicates, then the balance."""
        fetched = _sized(self.files("fetch", "samples"))
        partitions = _number_of(fetched, ROWS_PER_PARTITION)
        rules = {"duplicates": self._recipe.duplicates, "incumbents": self._incumbents}
        looks = any(isinstance(rule, BatchFilter) for rule in self._recipe.sample_filters)
        self._run(
            "clean-judge",
            "wit_builder.curation.clean:judge",
            [{"samples": group} for group in _groups(fetched, meaning.ROWS if looks else ROWS_PER_JUDGE)],
            {
                "filters": self._recipe.sample_filters,
                "partitions": partitions,
                "staged": self._staged,
                "top": self._recipe.top,
            },
        )
        self._run(
            "clean-top",
            "wit_builder.curation.top:threshold",
            [] if self._recipe.top is None else [None],
            {"top": self._recipe.top, "tallies": self.files("clean-judge", "tally")},
        )
        self._run(
            "clean-exact",
            "wit_builder.curation.clean:exact",
            list(range(partitions)),
            {
                "inputs": self.files("clean-judge", "samples"),
                "partitions": partitions,
                "top": self._recipe.top,
                "thresholds": self.files("clean-top", "threshold"),
            }
            | rules,
        )
        samples = self.files("clean-exact", "samples")
        tasks, parts = self._near_tasks(samples)
        self._run(
            "clean-pairs",
            "wit_builder.curation.near:pairs",
            list(range(tasks)),
            {"samples": samples, "tasks": tasks, "parts": parts} | rules,
            Needs(),  # not bounded: it grows with the square of the samples (near.py)
        )
        self._run(
            "clean-similar",
            "wit_builder.curation.clean:similar",
            [{"samples": samples}],
            {"links": self.files("clean-pairs", "links")} | rules,
        )
        if (semantic := self._recipe.duplicates.semantic) is not None:
            sizes, similar = _sized(samples), self.files("clean-similar", "dropped")
            parts = _number_of(sizes, ROWS_PER_PARTITION)
            meaning.run(self._run, self.files, sizes, similar, self._staged, parts, semantic)
        if self._recipe.queries is not None:
            ranges = _number_of(_sized(samples), ROWS_PER_PARTITION)
            balanced.run(
                self._run,
                self.files,
                samples,
                self._duplicates(),
                ranges,
                str(self.queries),
                self._recipe.balance,
                self._watcher.say,
            )

    def survivors(self) -> tuple[list[str], list[str], list[str]]:
        """What clean leaves: samples (parquet); ids that are gone from them as duplicates (parquet), in any file;
        and for each file of samples the ids that the balance took from it, where there is one."""
        surplus = self.files("clean-decide", "dropped") if self._recipe.queries else []
        return self.files("clean-exact", "samples"), self._duplicates(), surplus

    def _duplicates(self) -> list[str]:
        """What was dropped of the samples of `clean-exact` for what they look like or show; parquet of ids."""
        stages = [stage for stage in ("clean-similar", "clean-semantic") if stage in self.done]
        return [path for stage in stages for path in self.files(stage, "dropped")]

    def _near_tasks(self, samples: Sequence[str]) -> tuple[int, int]:
        """How many tasks look for near-duplicates, none where they are wanted; and in how many parts of a block."""
        sized, radius = _sized(samples), self._recipe.duplicates.radius
        if radius is None:
            return 0, 1
        parts = near.parts_of(sum(sized.values()), radius)
        return (
            near.BLOCKS * parts if parts > 1 else min(near.BLOCKS, _number_of(sized, ROWS_PER_NEAR))
        ), parts

    def pack(self) -> None:
        """Write the shards; none where nothing is left. Raises BuildError when they outnumber their digits."""
        kept, similar, surplus = self.survivors()
        failed = _sized(self.files("fetch", "failures"))
        spec = self._recipe.shards
        self._run(
            "pack-order",
            "wit_builder.pack.pack:order",
            [{"samples": kept, "dropped": similar + surplus, "failures": list(failed)}],
            {"per_shard": spec.samples_per_shard},
        )
        (ordered,) = self.files("pack-order", "shards")
        shards = len(engine.read_json(Path(ordered)))
        if self._first_shard + shards > spec.max_shards:
            raise BuildError(
                f"{self._first_shard + shards} shards cannot be numbered with {spec.index_digits} digits",
                "build into another --out with more samples in a shard",
            )
        sources = [
            {"samples": [path], "dropped": similar + surplus[n : n + 1], "failures": []}
            for n, path in enumerate(kept)
        ]
        sources += [{"samples": [], "dropped": [], "failures": group} for group in _groups(failed)]
        self._run(
            "pack-route",
            "wit_builder.pack.pack:route",
            sources if shards else [],
            {"shards": ordered, "texts": self.files("clean-similar", "texts")},
        )
        params = {
            "samples": self.files("pack-route", "samples"),
            "failures": self.files("pack-route", "failures"),
            "shards": shards,
            "first": self._first_shard,
            "spec": spec,
            "staged": self._staged,
            "carried": _carried(self.files("collect", "candidates")),
        }
        self._run("pack-write", "wit_builder.pack.pack:write", list(range(shards)), params)

    def _run(
        self,
        stage: str,
        function: str,
        arguments: Sequence[Any],
        params: Mapping[str, Any],
        needs: Needs = BOUNDED,
    ) -> None:
        tasks = number(list(arguments))
        progress = self._watcher.stage(stage, len(tasks))
        self.done[stage] = run_stage(
            self._executor, self._root, stage, function, tasks, params, needs, progress
        )

    def _param(self, stage: str, name: str) -> Any:
        return engine.read_json(self._root / stage / "plan.json")["params"][name]


def _sized(paths: Sequence[str]) -> dict[str, int]:
    """The parquet files with their rows."""
    rows = mirror.each(lambda path: int(pq.read_metadata(mirror.footer(path)).num_rows), paths)
    return dict(zip(paths, rows, strict=True))


def _carried(candidates: Sequence[str]) -> str:
    """The Arrow types of what candidates of a list carry in `extra`, as their files say it; "" for others."""
    metadata = pq.read_schema(mirror.footer(candidates[0])).metadata if candidates else None
    return bytes((metadata or {}).get(CARRIED, b"")).decode()


def _number_of(files: Mapping[str, int], rows: int) -> int:
    """How many parts of so many rows these files make, 1 at least."""
    return max(1, math.ceil(sum(files.values()) / rows))


def _groups(files: Mapping[str, int], rows: int = ROWS_PER_JUDGE) -> list[list[str]]:
    """The files in groups of about so many rows, one at least."""
    groups: list[list[str]] = [[]]
    here = 0
    for path, count in files.items():
        if here >= rows:
            groups.append([])
            here = 0
        groups[-1].append(path)
        here += count
    return groups
