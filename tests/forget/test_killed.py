"""kill -9 of `wit forget` at any moment: the same command again ends with the folder of an undisturbed run."""

import os
import random
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests import builds
from tests.builds import Killed, image_url
from tests.cli.processes import environment
from tests.forget import folders
from tests.journeys.folders import ROOT, lost, tars
from wit_builder import ledger, report, retry
from wit_builder.blocklist import tombstones
from wit_builder.errors import ConfigError, ShardError
from wit_builder.forget import build, request
from wit_builder.shards.reader import read_shard

WORDS = {"url": [image_url(5)], "domain": ["images-1.test"]}
SHA256_OF = 3  # of this image


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    copy = shutil.copytree(builds.finished(), tmp_path_factory.mktemp("finished") / "out")
    report.write_report(copy)
    return copy


@pytest.fixture(scope="module")
def words(finished):
    row = next(row for row in folders.rows(finished) if row["url"] == image_url(SHA256_OF))
    return WORDS | {"sha256": [row["sha256"]]}


@pytest.fixture(scope="module")
def undisturbed(finished, words, tmp_path_factory):
    out = shutil.copytree(finished, tmp_path_factory.mktemp("undisturbed") / "out")
    forget(out, words)
    return out


@pytest.fixture
def out(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "out")


def forget(out, words):
    return build.forget(out, request.asked(words, None, 31, "", datetime.now(UTC)))


def state(out):
    """All that does not hang on the clock."""
    parts = [pq.read_table(path).to_pylist() for path in sorted(out.glob("candidates/*.parquet"))]
    stones = [stone.what for stone in tombstones.read(str(out / tombstones.NAME))]
    losses = [row for stage in ledger.STAGES for rows in ledger.read(out, stage) for row in rows.to_pylist()]
    said = sorted((row["id"], row["reason"], row["evidence"]) for row in losses)
    return tars(out), folders.rows(out), lost(out), said, parts, stones, (out / "funnel.json").read_bytes()


def mortal(monkeypatch, steps):
    """Have the process killed before so many renames."""
    left = steps

    def counted(name):
        real = getattr(Path, name)

        def call(self, *args, **kwargs):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return real(self, *args, **kwargs)

        return call

    for name in ("rename", "replace"):
        monkeypatch.setattr(Path, name, counted(name))


def test_killed_before_any_rename_the_same_command_ends_the_same(
    finished, words, undisturbed, tmp_path, monkeypatch
):
    steps, got_through = 0, False
    whole = forget(shutil.copytree(finished, tmp_path / "whole"), words)
    while not got_through:
        out = shutil.copytree(finished, tmp_path / f"{steps}")
        with monkeypatch.context() as patch:
            mortal(patch, steps)
            try:
                forget(out, words)
                got_through = True
            except Killed:
                pass
        for tar in out.glob("shards/*.tar"):  # each is the old one or the new one
            assert tar.read_bytes() in (tars(finished)[tar.name], tars(undisturbed)[tar.name])
        told = forget(out, words)
        if not got_through and told.shards:
            assert (told.pairs, told.candidates, told.losses) == (whole.pairs, whole.candidates, whole.losses)
        assert state(out) == state(undisturbed)
        folders.check(out)
        assert folders.mentions(out, image_url(5), "images-1.test") == []
        shutil.rmtree(out)
        steps += 1
    assert steps > 20


def test_killed_again_and_again_it_gets_on(out, words, undisturbed, monkeypatch):
    for steps in (3, 5, 7, 9, 11, 13, 15, 17):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            mortal(patch, steps)
            forget(out, words)
    forget(out, words)
    assert state(out) == state(undisturbed)
    folders.check(out)


def test_what_was_cut_short_ends_without_naming_it_again(out, words, undisturbed, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Killed):
        mortal(patch, 12)
        forget(out, words)
    forget(out, {})
    assert state(out) == state(undisturbed)


def test_what_was_cut_short_is_no_copy_of_what_goes(out, words, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Killed):
        mortal(patch, 3)
        forget(out, words)
    journal = out / ".forget"
    assert list(journal.iterdir()) and folders.mentions(journal, "http://", "A picture") == []


def test_a_retry_waits_until_it_is_done(out, words, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Killed):
        mortal(patch, 3)
        forget(out, words)
    with pytest.raises(ConfigError, match="unfinished `wit forget`") as caught:
        retry._recipe(out)
    assert caught.value.hint == f"wit forget {out}"


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 20))])
def test_killed_at_random_moments_the_same_command_ends_the_same(out, words, undisturbed, seed):
    rng = random.Random(seed)
    typed = [f"--{kind}={word}" for kind, said in words.items() for word in said]
    done = None
    while done is None:
        run = subprocess.Popen(
            [sys.executable, "-m", "wit_builder", "forget", str(out), *typed],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            done = run.wait(rng.uniform(0.7, 1.5) if rng.random() < 0.8 else 60)
        except subprocess.TimeoutExpired:
            os.kill(run.pid, signal.SIGKILL)
        _, said = run.communicate()
    assert done == 0, said
    assert state(out) == state(undisturbed)
    folders.check(out)


def test_a_reader_in_between_meets_whole_shards(finished, out, words, monkeypatch):
    """Read before every rename."""
    real, reads = Path.replace, 0

    def look(self, target):
        nonlocal reads
        for tar in sorted(out.glob("shards/*.tar")):
            try:
                list(read_shard(tar))
            except ShardError as error:
                pytest.fail(str(error))
            reads += 1
        return real(self, target)

    monkeypatch.setattr(Path, "replace", look)
    forget(out, words)
    assert reads > 30
