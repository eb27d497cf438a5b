"""The whole road on the demo web, whose outcome is known; killed at random points; twice for equal bytes."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import webdataset
from PIL import Image

from tests.journeys.folders import ROOT, kept, lost, tars, wit
from wit_builder.demo_web.web import Web
from wit_builder.shards import manifest

# webdataset leaves the tar open when its pipeline ends
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PAGES = 60
BUILD = ["build", "demo", "--pages", str(PAGES), "--quiet"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    done = wit(*BUILD, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def truth():
    return Web(PAGES).truth()


def test_every_expected_pair_is_kept_and_no_other(undisturbed, truth):
    expected = {(item.url, item.caption) for item in truth if item.kind == "pair" and item.reason is None}
    assert set(kept(undisturbed)) == expected


def test_every_planted_defect_is_dropped_for_the_planted_reason(undisturbed, truth):
    expected = [(i.stage, i.reason, i.url, i.caption) for i in truth if i.kind == "pair" and i.reason]
    found = [row for row in lost(undisturbed) if row[0] != "pages"]
    assert found == sorted(expected)


def test_every_page_that_is_not_read_is_lost_for_the_planted_reason(undisturbed, truth):
    expected = [(i.stage, i.reason, i.url) for i in truth if i.kind == "page" and i.reason]
    assert [row[:3] for row in lost(undisturbed) if row[0] == "pages"] == sorted(expected)


def test_the_funnel_adds_up_from_stage_to_stage(undisturbed):
    funnel = json.loads((undisturbed / "funnel.json").read_bytes())
    assert all(count["seen"] == count["kept"] + sum(count["dropped"].values()) for count in funnel.values())
    seen = [funnel[stage]["seen"] for stage in ("select", "fetch", "clean")]
    assert seen == [funnel[stage]["kept"] for stage in ("extract", "select", "fetch")]
    assert (
        funnel["clean"]["kept"] == len(kept(undisturbed)) == int((undisturbed / "shards/__len__").read_text())
    )


def test_webdataset_reads_every_pair(undisturbed):
    urls = [str(path) for path in sorted(undisturbed.glob("shards/*.tar"))]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False, empty_check=False))
    read = {(json.loads(s["json"])["url"], s["txt"].decode()) for s in samples}
    assert read == set(kept(undisturbed))
    sides = [min(Image.open(io.BytesIO(s["jpg"])).size) for s in samples]
    assert max(sides) <= 224


def test_the_manifest_holds(undisturbed):
    manifest.verify(undisturbed)


def test_nothing_of_the_work_is_left(undisturbed):
    names = {path.name for path in undisturbed.iterdir() if not path.name.startswith(".")}
    expected = (
        "build.json funnel.json candidates ledger shards manifest README.md report.html queries.parquet"
    )
    assert names == set(expected.split())


def test_the_same_recipe_again_gives_the_same_bytes_with_another_number_of_workers(undisturbed, tmp_path):
    assert wit(*BUILD, "--workers", "1", "--out", tmp_path / "out").returncode == 0
    assert tars(tmp_path / "out") == tars(undisturbed)
    assert lost(tmp_path / "out") == lost(undisturbed)


def test_a_complete_build_is_not_built_again(undisturbed):
    before = tars(undisturbed)
    again = wit("build", "demo", "--pages", str(PAGES), "--out", undisturbed)
    assert (again.returncode, "complete already" in again.stderr) == (0, True)
    assert tars(undisturbed) == before


def test_another_recipe_on_an_old_folder_is_refused_with_the_difference(undisturbed):
    said = wit("build", "demo", "--pages", "70", "--out", undisturbed)
    assert said.returncode == 2
    assert "demo_web.pages: 60, now 70" in said.stderr


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_points_and_resumed_it_ends_the_same(undisturbed, tmp_path, seed):
    kill_until_done(tmp_path / "out", random.Random(seed), kills=4)
    assert tars(tmp_path / "out") == tars(undisturbed)
    assert lost(tmp_path / "out") == lost(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_killed_very_often_it_ends_the_same(undisturbed, tmp_path, seed):
    kill_until_done(tmp_path / "out", random.Random(seed), kills=8)
    assert tars(tmp_path / "out") == tars(undisturbed)
    assert lost(tmp_path / "out") == lost(undisturbed)


def test_a_signal_stops_it_within_seconds_and_it_can_be_resumed(undisturbed, tmp_path):
    for number in (signal.SIGINT, signal.SIGTERM):
        run = begun(tmp_path / "out")
        time.sleep(2.0)  # somewhere in its stages
        asked = time.monotonic()
        run.send_signal(number)
        _, said = run.communicate(timeout=30)
        assert time.monotonic() - asked < 8
        assert (run.returncode, "--resume" in said) == (1, True)
    assert wit(*BUILD, "--resume", "--out", tmp_path / "out").returncode == 0
    assert tars(tmp_path / "out") == tars(undisturbed)


def begun(out):
    """A run that has come to its first stage: until it hears signals, a shell may have them ignored (`command &`)."""
    session = out / "work" / "session.json"
    session.unlink(missing_ok=True)
    run, deadline = started(out), time.monotonic() + 60
    while not session.exists():
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    return run


def started(out):
    command = [sys.executable, "-m", "wit_builder", *BUILD, "--resume", "--out", str(out)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill_until_done(out, rng, kills):
    """Run the build and kill it -9, so many times at random moments, then let it finish."""
    for _ in range(kills):
        run = started(out)
        try:
            run.wait(rng.uniform(0.5, 9.0))
        except subprocess.TimeoutExpired:
            os.kill(run.pid, signal.SIGKILL)
        run.communicate()
    last = started(out)
    _, said = last.communicate(timeout=300)
    assert last.returncode == 0, said
