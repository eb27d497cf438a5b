"""A build whose work lies in the store: whatever dies or fails on the way, it is the build of a folder."""

import errno
import itertools
import random
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from tests import builds
from tests.cli.processes import ROOT, environment
from tests.journeys.folders import lost, tars
from tests.site import faulty
from tests.site.told import told
from tests.stores.conftest import Bucket, lead
from wit_builder import build, delivery, mirror, place, store
from wit_builder.blocklist.settings import Blocklist
from wit_builder.engine import lease
from wit_builder.engine import task as engine
from wit_builder.engine.local import LocalExecutor
from wit_builder.errors import BuildError, ConfigError
from wit_builder.ledger import Funnel
from wit_builder.recipe import Recipe
from wit_builder.road import STAGES


@pytest.fixture(scope="module")
def web():
    with told() as web:
        builds.tell(web)
        yield web


@pytest.fixture
def bucket(creating, monkeypatch, tmp_path):
    """Of a server that creates a file once."""
    lead(monkeypatch, creating)
    monkeypatch.setenv("WIT_SCRATCH", str(tmp_path / "tasks"))
    name = f"b-{uuid.uuid4().hex[:12]}"
    creating.bucket(name)
    return Bucket(creating, name)


@pytest.fixture
def proxy(bucket, monkeypatch):
    with faulty.before(bucket.server.port) as told:
        lead(monkeypatch, bucket.server, told.port)
        yield told


def run(url, scratch, web, until="pack", recipe: Recipe | None = None, elsewhere=True):
    """As `wit build --resume` does it, with --executor ray (elsewhere) but that its tasks run here, or local."""
    made = recipe or builds.recipe()
    with place.of(url, scratch) as there:
        delivery.claim(there, delivery.SHOWN)
        delivery.check_free(there)
        if build.start(there.folder, made, resume=True):
            return Funnel()
        try:
            with (
                delivery.work(there, elsewhere, lambda said: None) as at,
                closing(LocalExecutor(1)) as executor,
            ):
                delivery.begun(there)
                where = build.Where(there.folder, web.connect_to, "wit build ./tiny.py", at)
                funnel = build.run(made, where, executor, builds.Silent(), until)
                if until == STAGES[-1]:
                    delivery.finished(there)
        except ConfigError:
            there.prune("build.json")
            raise
        return funnel


def same(bucket):
    """Whether what lies in the bucket is the build of a folder, and nothing else."""
    finished, run = builds.finished(), bucket.folder / "run"
    own = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if path.is_file()}
    names = {name for name in own if not name.startswith(".")}
    return (tars(run), lost(run), set(bucket.objects("run"))) == (tars(finished), lost(finished), names)


def test_by_one_machine_after_the_other_it_is_the_build_of_a_folder(bucket, url, web, tmp_path):
    for stage in ("collect", "fetch", "pack"):
        run(url, tmp_path / stage, web, stage, elsewhere=stage == "collect")
        assert not list((tmp_path / "tasks").glob("*"))  # what tasks had here is gone
        assert not list((tmp_path / stage).glob("*/work"))
        shutil.rmtree(tmp_path / stage)
    assert same(bucket)


def test_a_store_that_fails_now_and_then_costs_nothing_but_time(bucket, proxy, url, web, tmp_path):
    """Every seventh request: refused, late, cut short, or done and its answer lost."""
    faults = itertools.cycle([500, 503, 0.2, "cut", "reset", "lost"])
    number = itertools.count(1)
    proxy.fault = lambda method, path, n: next(faults) if next(number) % 7 == 0 else None
    run(url, tmp_path / "scratch", web)
    assert same(bucket)
    assert next(number) > 100


def test_a_driver_killed_at_any_request_is_gone_on_with_elsewhere(bucket, proxy, url, web, tmp_path):
    """Its tasks die with it; whoever goes on has another scratch folder."""
    random_ = random.Random(8)
    for number, last in enumerate([random_.randint(15, 90), None]):
        command = [sys.executable, "-m", "tests.stores.building", url, tmp_path / f"{number}", str(web.port)]
        driver = subprocess.Popen(command, cwd=ROOT, env=environment())
        count = itertools.count(1)
        proxy.fault = lambda *asked, d=driver, n=count, last=last: d.kill() if next(n) == last else None
        assert driver.wait(300) == (-signal.SIGKILL if last else 0)
    assert same(bucket)


def test_a_store_that_stays_away_is_one_sentence_and_a_resume_goes_on(
    bucket, proxy, url, web, tmp_path, monkeypatch
):
    monkeypatch.setattr(store, "PATIENCE_S", 0.5)
    run(url, tmp_path / "a", web, "collect")
    before = bucket.objects("run/work/collect")
    away = threading.Event()
    proxy.fault = lambda method, path, n: away.set() or 503 if "select" in path else None
    with pytest.raises(BuildError, match=r"s3://.*/work/select.* cannot be .*: .* status 503") as caught:
        run(url, tmp_path / "a", web)
    assert "--resume" in caught.value.hint and away.is_set()
    assert bucket.objects("run/work/collect") == before
    proxy.fault = lambda method, path, n: None
    run(url, tmp_path / "b", web)
    assert same(bucket)


def test_of_two_drivers_at_once_the_second_is_refused(bucket, url, web, tmp_path, monkeypatch):
    run(url, tmp_path / "a", web, "collect")
    with place.of(url, tmp_path / "a") as there, delivery.work(there, True, lambda said: None):
        delivery.begun(there)
        said = r"another wit command is working on 's3://.*/run': process \d+ on "
        for scratch in "ab":  # the first one's too, which nobody may clear
            with pytest.raises(ConfigError, match=said):
                run(url, tmp_path / scratch, web)
        monkeypatch.setattr(lease, "BEAT_S", 0.1)  # nor does one on another machine get in
        monkeypatch.setattr(lease, "machine", lambda: "another")
        with pytest.raises(ConfigError, match=said):
            run(url, tmp_path / "b", web)
        assert (there.folder / "build.json").exists()
    assert bucket.objects("run/work/collect/done").keys() == {"00000.json"}


def test_a_store_that_creates_a_file_twice_is_refused(nanio, monkeypatch, web, tmp_path):
    lead(monkeypatch, nanio)
    name = f"b-{uuid.uuid4().hex[:12]}"
    nanio.bucket(name)
    with pytest.raises(ConfigError, match="a store that creates a file twice") as caught:
        run(f"s3://{name}/run", tmp_path / "scratch", web)
    assert "--executor local" in caught.value.hint


def test_a_recipe_that_is_put_right_may_use_the_place(bucket, url, web, tmp_path):
    wrong = builds.recipe(blocklist=Blocklist(urls=(str(tmp_path / "none.txt"),)))
    with pytest.raises(ConfigError, match=r"none\.txt"):
        run(url, tmp_path / "a", web, recipe=wrong)
    assert bucket.objects("run") == {}


def test_a_machine_that_cannot_use_the_store_says_why(bucket, proxy, url):
    assert mirror.unreachable(f"{url}/work") is None
    assert bucket.objects("run") == {}
    proxy.fault = lambda method, path, n: 403
    why, hint = mirror.unreachable(f"{url}/work")
    assert "access is denied" in why and "AWS_ACCESS_KEY_ID" in hint


def test_a_full_disk_here_is_one_sentence_and_harms_nothing_there(bucket, url, web, tmp_path, monkeypatch):
    run(url, tmp_path / "a", web, "collect")
    before = bucket.objects("run/work/collect")
    with place.of(url, tmp_path / "b") as there, mirror.met(there.name, there.folder):
        root = there.folder / "work"
        engine.plan(root, "s", "tests.engine.jobs:square", {"0": 2}, {})
        task, function = engine.open_task(root, "s", "0")
        monkeypatch.setattr(Path, "write_text", full)
        with pytest.raises(
            BuildError, match=r"cannot write .*/work/s: no space is left on the device"
        ) as caught:
            engine.run_task(task, function)
    assert "--resume" in caught.value.hint
    assert bucket.objects("run/work/collect") == before
    assert bucket.objects("run/work/s").keys() == {"plan.json"}


def full(path, text):
    raise OSError(errno.ENOSPC, "No space left on device")
