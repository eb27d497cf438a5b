"""The stages that find semantic duplicates, on pictures that lie in a staged tar."""

import random
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.curation.rows import lost, out, sample, written
from tests.model import tiny
from wit_builder.curation import clean, meaning, semantic
from wit_builder.curation.settings import Duplicates, Semantic
from wit_builder.engine.task import Task
from wit_builder.errors import ConfigError
from wit_builder.records import losses

EPS = 0.02


def rule(**changes):
    return Semantic(*tiny.files(), **({"eps": EPS} | changes))


def staged(folder, count, kinds, per_tar=4):
    """Samples whose pictures are of so many kinds, in tars (as far as anybody reads them) of a folder."""
    folder.mkdir(exist_ok=True)
    rows = []
    for n in range(count):
        tar = f"{n // per_tar}.tar"
        image = tiny.picture(n % kinds, (48 + n // kinds, 40))
        with (folder / tar).open("ab") as file:
            offset = file.tell()
            file.write(image)
        rows.append(replace(sample(n, side=50 + n % 3), tar=tar, offset=offset, length=len(image)))
    return rows


class Stages:
    """Runs stages in this process."""

    def __init__(self, folder):
        self.folder, self.tasks = folder, {}

    def run(self, stage, function, arguments, params, needs=None):
        name = function.partition(":")[2]
        self.tasks[stage] = []
        for n, argument in enumerate(arguments):
            task = Task(self.folder, stage, f"{n:05d}", argument, params)
            task.folder.mkdir(parents=True, exist_ok=True)
            getattr(meaning, name)(task)
            self.tasks[stage].append(task)

    def files(self, stage, kind):
        return [str(path) for task in self.tasks[stage] for path in out(task, kind)]


def cleaned(folder, rows, tars, parts=1, partitions=1, gone=(), found=None):
    """(ids dropped, [(reason, url)], evidence by url, funnel's kept)."""
    folder.mkdir()
    samples = {written(folder / f"{n}.parquet", rows[n::parts]): len(rows[n::parts]) for n in range(parts)}
    near = str(folder / "near.parquet")
    pq.write_table(pq.read_table(written(folder / "x.parquet", [*gone]), columns=["id"]), near)
    stages = Stages(folder)
    meaning.run(stages.run, stages.files, samples, [near], str(tars), partitions, found or rule())
    last = stages.tasks["clean-semantic"]
    dropped = [
        id_
        for path in stages.files("clean-semantic", "dropped")
        for id_ in pq.read_table(path)["id"].to_pylist()
    ]
    told = [loss for path in stages.files("clean-semantic", "losses") for loss in losses(pq.read_table(path))]
    kept = sum(task.funnel["clean"].kept for task in last)
    return sorted(dropped), lost(*last), {loss.url: loss.evidence for loss in told}, kept


def test_of_pictures_that_show_the_same_the_strongest_stays(tmp_path):
    rows = staged(tmp_path / "tars", 9, 3)
    dropped, reasons, evidence, kept = cleaned(tmp_path / "a", rows, tmp_path / "tars")
    assert {reason for reason, _ in reasons} == {"semantic_duplicate"}
    assert (len(dropped), kept) == (len(reasons), -len(dropped))
    assert 0 < len(dropped) <= 6
    staying = {row.id for row in rows} - set(dropped)
    for said in evidence.values():
        cosine, head = said.removeprefix("cosine ").split(" to ")
        assert float(cosine) > 1 - EPS
        assert head in staying


def test_what_is_gone_already_is_not_embedded(tmp_path):
    rows = staged(tmp_path / "tars", 6, 1)
    dropped, *_ = cleaned(tmp_path / "a", rows, tmp_path / "tars", gone=rows[:4])
    assert not {row.id for row in rows[:4]} & set(dropped)


@pytest.mark.parametrize("seed", range(3))
def test_neither_order_nor_files_nor_partitions_nor_tiles_matter(tmp_path, seed, monkeypatch):
    monkeypatch.setattr(semantic, "PER_CLUSTER", 8)
    rows = staged(tmp_path / "tars", 60, 20)
    first = cleaned(tmp_path / "a", rows, tmp_path / "tars")
    rng = random.Random(seed)
    monkeypatch.setattr(semantic, "TILE", 3)
    monkeypatch.setattr(meaning, "ROWS", rng.randint(5, 40))
    second = cleaned(
        tmp_path / "b", rng.sample(rows, 60), tmp_path / "tars", rng.randint(2, 5), rng.randint(2, 5)
    )
    assert first == second
    assert 10 < len(first[0]) < 60


def test_k_means_sees_a_bounded_sample_that_no_order_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(semantic, "PER_CLUSTER", 8)
    monkeypatch.setattr(meaning, "TRAINING_ROWS", 30)
    seen = []
    centres = semantic.centres
    monkeypatch.setattr(
        semantic, "centres", lambda training, clusters: seen.append(training) or centres(training, clusters)
    )
    rows = staged(tmp_path / "tars", 40, 10)
    cleaned(tmp_path / "a", rows, tmp_path / "tars")
    cleaned(tmp_path / "b", rows[::-1], tmp_path / "tars", 3, 2)
    assert [len(training) for training in seen] == [30, 30]
    assert (seen[0] == seen[1]).all()


def test_no_samples_are_no_trouble(tmp_path):
    assert cleaned(tmp_path / "a", [], tmp_path)[0] == []


@pytest.mark.parametrize("wrong", [{"eps": 0.0}, {"eps": 1.0}, {"clusters": 0}, {"clusters": 1_000_001}])
def test_values_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=f"Semantic.{next(iter(wrong))}"):
        rule(**wrong)


def test_duplicates_take_it():
    assert Duplicates(semantic=rule()).semantic == rule()
    assert clean.Duplicates().semantic is None
    assert np.float16(1 - EPS) < 1
