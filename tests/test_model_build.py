"""A build that asks a model: scores in the shards, semantic duplicates in the ledger, a kill that changes nothing."""

import json
import shutil
from contextlib import closing
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from tests import builds
from tests.model import tiny
from tests.site.told import told
from wit_builder import build, ledger, publish, retry, settings
from wit_builder.curation.settings import Duplicates, Semantic, Top
from wit_builder.engine.local import LocalExecutor
from wit_builder.errors import BuildError, ConfigError
from wit_builder.shards.reader import read_shard
from wit_filters.model import ClipScore

STEPS = ("clean-judge", "clean-embed", "clean-cluster", "clean-assign", "clean-semantic", "pack-order")


def recipe(eps=0.05, minimum=-1.0):
    semantic = Semantic(*tiny.files(), eps=eps)
    return builds.recipe(
        sample_filters=(ClipScore(*tiny.files(), minimum=minimum),), duplicates=Duplicates(semantic=semantic)
    )


@pytest.fixture(scope="module")
def executor():
    """One worker for all tests: importing torch takes seconds."""
    with closing(LocalExecutor(1)) as executor:
        yield executor


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """A build with its images fetched, and no more."""
    out = tmp_path_factory.mktemp("fetched") / "out"
    with told() as web:
        builds.tell(web)
        builds.run(out, web.connect_to, recipe(), until="fetch")
    return out


@pytest.fixture(scope="module")
def finished(fetched, tmp_path_factory, executor):
    out = copied(fetched, tmp_path_factory.mktemp("finished"))
    run(out, executor)
    return out


def copied(fetched, folder, made=None):
    """A copy that goes on, with another recipe if one is given."""
    out = folder / "out"
    shutil.copytree(fetched, out)
    for plan in out.glob("work/*/plan.json"):  # which names files by their paths
        plan.write_text(plan.read_text().replace(str(fetched), str(out)))
    if made is not None:
        publish.write_state(out, settings.encode(made), "started")
    return out


def run(out, executor, made=None, watcher=None):
    made = made or recipe()
    build.start(out, made, resume=True)
    return build.run(made, build.Where(out, {}), executor, watcher or builds.Silent())


def tars(out):
    return {path.name: path.read_bytes() for path in sorted((out / "shards").glob("*.tar"))}


def test_scores_stand_in_the_shards(finished):
    out = finished
    pairs = [pair for path in sorted((out / "shards").glob("*.tar")) for pair in read_shard(path)]
    aside = [
        row for path in sorted((out / "shards").glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    found = {meta["id"]: meta["scores"] for *_, meta in pairs}
    assert 0 < len(found) < builds.GOOD
    assert all(-1 <= scores["clip_score"] <= 1 for scores in found.values())
    assert {row["id"]: dict(row["scores"]) for row in aside if row["status"] == "success"} == found
    assert {row["scores"] for row in aside if row["status"] != "success"} == {None}


def test_semantic_duplicates_stand_in_the_ledger_and_all_adds_up(finished):
    dropped = ledger.count(finished)["clean"]
    funnel = json.loads((finished / "funnel.json").read_bytes())["clean"]
    assert dropped["semantic_duplicate"] > 0
    assert funnel["kept"] + sum(dropped.values()) == funnel["seen"] == builds.GOOD + 1


def test_the_fingerprint_stands_in_the_build_and_another_one_is_refused(fetched, tmp_path):
    (rule,) = publish.read_state(fetched)["recipe"]["sample_filters"]
    assert rule["fingerprint"] == recipe().sample_filters[0].fingerprint
    changed = recipe()
    object.__setattr__(changed.sample_filters[0], "fingerprint", "0" * 64)
    with pytest.raises(ConfigError, match=r"another recipe: sample_filters\[0\].fingerprint"):
        build.start(copied(fetched, tmp_path), changed, resume=True)


class Dies(builds.Silent):
    """Kills the build when a step begins."""

    def __init__(self, step):
        self.step = step

    def stage(self, name, tasks):
        if name == self.step:
            raise builds.Killed
        return super().stage(name, tasks)


def test_killed_at_each_step_and_resumed_it_is_the_same_build(finished, fetched, tmp_path, executor):
    out = copied(fetched, tmp_path)
    for step in STEPS:
        with pytest.raises(builds.Killed):
            run(out, executor, watcher=Dies(step))
    assert not (out / "shards").exists()
    run(out, executor)
    assert tars(out) == tars(finished)
    assert ledger.count(out) == ledger.count(finished)


def test_a_rule_drops_with_its_reason(fetched, tmp_path, executor):
    strict = recipe(minimum=1.0)
    out = copied(fetched, tmp_path, strict)
    run(out, executor, strict)
    assert ledger.count(out)["clean"] == {"clip_score_low": builds.GOOD + 1}


def test_the_best_by_their_score_stay_and_a_retry_takes_what_is_as_good(fetched, tmp_path, executor):
    made = replace(recipe(), top=Top("clip_score", 0.5), duplicates=Duplicates(radius=None))
    out = copied(fetched, tmp_path, made)
    run(out, executor, made)
    stay, gone = builds.GOOD + 1 - (gone := ledger.count(out)["clean"]["not_among_best"]), gone
    assert (stay, gone) == ((builds.GOOD + 1) // 2 + 1, builds.GOOD // 2)
    scores = [dict(row)["clip_score"] for row in _published(out)]
    least = retry._top(made, out)
    assert (least.share, least.minimum) == (None, min(scores))


def _published(out):
    rows = [
        row
        for path in (out / "shards").glob("*.parquet")
        for row in pq.read_table(path)["scores"].to_pylist()
    ]
    return [row for row in rows if row is not None]


def test_a_checkpoint_that_has_changed_stops_the_build_with_a_sentence(fetched, tmp_path, executor):
    config, weights = (shutil.copy(path, tmp_path) for path in tiny.files())
    made = builds.recipe(sample_filters=(ClipScore(str(config), str(weights)),))
    (tmp_path / "tiny.pt").write_bytes(b"another")
    with pytest.raises(BuildError, match=r"ClipScore.fingerprint is not that of"):
        run(copied(fetched, tmp_path, made), executor, made)
