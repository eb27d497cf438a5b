"""The real commands with OUT at S3: the same build as in a folder, whatever dies on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import s3fs

from tests import builds
from tests.builds import image_url
from tests.cli.processes import environment, ran
from tests.journeys.folders import lost, tars
from tests.site.told import Say, picture, told
from tests.stores.conftest import RECIPE, build
from wit_builder import storage


@pytest.fixture(scope="module")
def web():
    with told() as web:
        builds.tell(web)
        yield web


@pytest.fixture(scope="module")
def mended():
    """The same web, two images of which come now: one is new, one is a copy."""
    with told() as web:
        builds.tell(web)
        web.answers |= {image_url(9): Say(picture(9)), image_url(10): Say(picture(1))}
        yield web


def retry(out, web):
    return ["retry", out, "--only", "5xx,http_404", "--connect-to", f"*.test=127.0.0.1:{web.port}"]


def files(folder: Path) -> dict[str, bytes]:
    """Names and bytes of what a build has published in a folder."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = {path: path.relative_to(folder).as_posix() for path in found}
    return {name: path.read_bytes() for path, name in names.items() if not name.startswith(".")}


def scratch(here):
    """What lies in scratch folders."""
    return [path for path in (here / "scratch").rglob("*") if path.is_file()]


def put(url, data):
    s3fs.S3FileSystem(use_listings_cache=False).pipe_file(url, data)


# -- build, show, verify


def test_a_build_at_s3_is_the_build_of_a_folder(here, bucket, url, web):
    said = ran(*build(url, web), cwd=here)
    assert said.returncode == 0, said.stderr
    run = bucket.folder / "run"
    assert (tars(run), lost(run)) == (tars(builds.finished()), lost(builds.finished()))
    assert set(bucket.objects("run")) == {*files(builds.finished()), "report.html"}
    assert f"the pairs, as WebDataset           {url}/shards" in said.stdout
    assert said.stderr.endswith(f" show {url}\n")
    assert scratch(here) == []


def test_every_object_is_the_file_of_the_folder(brought, here, bucket):
    assert bucket.objects("run") == files(builds.finished())
    assert scratch(here) == []


def test_it_can_be_shown_and_verified_where_it_lies(brought, here, url, bucket, wit):
    assert wit("verify", url).err.startswith(f"{url}: every shard is what its manifest says; ")
    there, local = (wit("show", out, "--json").out for out in (url, builds.finished()))
    assert json.loads(there) == json.loads(local.replace(str(builds.finished()), url))
    assert wit("show", url, "--html").out == f"{url}/report.html\n"
    assert bucket.objects("run")["report.html"].count(b"data:image/jpeg") == builds.GOOD
    assert scratch(here) == []


def test_a_retry_that_was_cut_short_there_is_told_though_all_else_fits(brought, url, bucket, wit):
    mark = bucket.folder / "run" / "retry" / "retry.json"
    storage.write_json(mark, {"only": ["dns"], "reasons": [], "first": 3})
    said = wit("verify", url)
    assert (said.code, said.error) == (2, f"'{url}' has an unfinished `wit retry`")


def test_a_ledger_that_lost_an_object_there_is_told(brought, url, bucket, wit):
    for part in (bucket.folder / "run" / "ledger" / "stage=fetch").glob("part-*"):
        part.unlink()
    said = wit("verify", url)
    assert said.code == 1
    assert said.error.startswith(f"{url} is damaged: stage fetch dropped ")


def test_a_damaged_object_is_named(brought, url, bucket, wit):
    tar = bucket.folder / "run" / "shards" / "00001.tar"
    tar.write_bytes(tar.read_bytes().replace(b"JFIF", b"JFIX", 1))
    said = wit("verify", url)
    assert (said.code, said.error) == (
        1,
        f"{url}/shards/00001.tar has other bytes than its manifest says (sha256)",
    )


def test_what_holds_no_build_is_said(url, bucket, wit):
    assert wit("show", url).error == f"there is no folder '{url}'"
    put(f"{url}/thesis.doc", b"")
    assert wit("show", url).error.startswith(f"'{url}' holds no build: ")
    assert wit("retry", url, "--only", "dns").error == f"'{url}' holds no build"


def test_a_build_is_not_put_among_other_things(here, url, bucket, wit):
    put(f"{url}/thesis.doc", b"")
    said = wit(*build(url))
    assert (said.code, said.error) == (2, f"{url} is not empty and holds no build")
    assert list(bucket.objects("run")) == ["thesis.doc"]


@pytest.mark.parametrize("slip", ["s3:/bucket/run", "gs:bucket/run"])
def test_a_url_with_too_few_slashes_is_no_folder(here, wit, slip):
    said = wit(*build(slip))
    assert (said.code, said.error) == (2, f"{slip!r} is no folder and no URL")
    assert not (here / slip.partition("/")[0]).exists()


def test_a_complete_build_is_complete_and_another_recipe_is_refused(brought, here, url, bucket, wit):
    before = bucket.objects("run")
    assert wit(*build(url)).err == f"{url} is complete already\n"
    (here / "other.py").write_text(RECIPE.replace("recipe()\n", 'recipe(name="other")\n'))
    said = wit("build", "./other.py", *build(url)[2:])
    assert said.code == 2 and said.error.startswith(f"'{url}' was started with another recipe: name: ")
    assert bucket.objects("run") == before


def test_a_build_that_stops_early_goes_on_from_its_scratch_folder(here, url, bucket, web, wit):
    assert wit(*build(url, web), "--until", "fetch").code == 0
    assert list(bucket.objects("run")) == ["build.json"]
    asked = len(web.asked)
    assert wit(*build(url, web)).error == f"'{url}' holds an unfinished build"
    elsewhere = wit(*build(url, web), "--resume", "--scratch", "elsewhere")
    assert elsewhere.error.startswith(f"{url} holds an unfinished build, and what was done for it is not in ")
    assert elsewhere.hint.startswith("go on where it was begun")
    workers = wit(*build(url, web), "--resume", "--executor", "outside")
    assert workers.error == f"workers need the folder of the run, and that of {url} is a scratch folder here"
    assert wit(*build(url, web), "--resume").code == 0
    assert tars(bucket.folder / "run") == tars(builds.finished())
    assert len(web.asked) == asked  # nothing was fetched twice


def test_what_another_command_has_changed_is_not_overwritten(waiting, url, bucket, wit):
    put(f"{url}/build.json", b'{"state": "started"}')
    said = wit(*build(url))
    assert (said.code, said.error) == (2, f"{url} was changed by another command since this one began")
    assert bucket.objects("run") == {"build.json": b'{"state": "started"}'}


def test_a_bucket_that_is_not_there_is_said_before_anything_is_fetched(here, bucket, wit, monkeypatch):
    monkeypatch.setattr("wit_builder.build.run", lambda *_: pytest.fail("it was begun"))
    said = wit(*build(f"{bucket.url}-none/run"))
    assert said.error == f"{bucket.url}-none/run/build.json cannot be read: its bucket is not there"
    assert (said.code, scratch(here)) == (2, [])


# -- what dies on the way


def test_when_the_server_dies_the_same_command_ends_with_the_same_objects(
    proxy, waiting, here, url, bucket, wit
):
    def dies(method, path, n):
        if method == "PUT" and path.endswith("00001.parquet"):
            bucket.server.kill()

    proxy.fault = dies
    said = wit(*build(url), "--resume")
    assert said.code == 1 and said.error.startswith(f"{url}/shards/00001.parquet cannot be written: ")
    assert said.hint.endswith("then run the same command again with `--resume`")
    proxy.fault = lambda method, path, n: None
    bucket.server.start()
    assert set(bucket.objects("run")) < set(files(builds.finished()))
    assert wit(*build(url), "--resume").code == 0
    assert bucket.objects("run") == files(builds.finished())
    assert scratch(here) == []


def started(here, *arguments):
    command = [sys.executable, "-m", "wit_builder", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=here, env=environment()
    )


def killed(process):
    return process.wait(timeout=120) == -signal.SIGKILL


def test_killed_at_any_upload_the_same_command_ends_with_the_same_objects(
    proxy, waiting, here, url, bucket, wit
):
    """A reader meets a complete build, or none."""
    wanted, running = files(builds.finished()), []
    for puts in (1, 5, 4):
        proxy.asked.clear()

        def kills(method, path, n, puts=puts):
            if [asked for asked, _ in proxy.asked].count("PUT") == puts:
                os.kill(running[-1].pid, signal.SIGKILL)

        proxy.fault = kills
        running.append(started(here, *build(url)))
        assert killed(running[-1])
        assert bucket.objects("run").items() < wanted.items() and "build.json" not in bucket.objects("run")
    proxy.fault = lambda method, path, n: None
    assert wit(*build(url)).code == 0
    assert bucket.objects("run") == wanted


# -- retry


@pytest.fixture(scope="module")
def retried(mended, tmp_path_factory):
    """A retry in a folder."""
    out = shutil.copytree(builds.finished(), tmp_path_factory.mktemp("local") / "out")
    said = ran(*retry(out, mended))
    assert said.returncode == 0, said.stderr
    return out


def test_a_retry_at_s3_is_the_retry_of_a_folder(brought, here, url, bucket, proxy, mended, retried, wit):
    def leaves_a_part(method, path, n):
        """As if the ledger of before had one more part than that of now."""
        if method == "PUT" and path.endswith("00003.tar"):
            (bucket.folder / "run" / "ledger" / "stage=fetch" / "part-00009.parquet").touch()

    proxy.fault = leaves_a_part
    before = {name: data for name, data in bucket.objects("run").items() if name.startswith("shards/0")}
    said = wit(*retry(url, mended))
    assert said.err.endswith("3 tried again, 1 of them are pairs in shards now\n")
    run, after = bucket.folder / "run", bucket.objects("run")
    assert (tars(run), lost(run)) == (tars(retried), lost(retried))
    assert before.items() <= after.items()
    assert set(after) == set(files(retried))
    assert after["report.html"].count(b"data:image/jpeg") == builds.GOOD + 1
    assert wit("verify", url).code == 0
    assert scratch(here) == []


@pytest.mark.parametrize(
    "at",
    ["00003.tar", *(pytest.param(at, marks=pytest.mark.slow) for at in ("shards.parquet", "build.json"))],
)
def test_killed_while_it_is_brought_the_same_retry_ends_the_same(
    brought, here, url, bucket, proxy, mended, retried, wit, at
):
    running = []

    def kills(method, path, n):
        if method == "PUT" and path.endswith(at):
            os.kill(running[-1].pid, signal.SIGKILL)

    proxy.fault = kills
    running.append(started(here, *retry(url, mended)))
    assert killed(running[-1])
    proxy.fault = lambda method, path, n: None
    assert wit(*retry(url, mended)).err.endswith(f"the retry before this one is brought to {url} now\n")
    run = bucket.folder / "run"
    assert (tars(run), lost(run)) == (tars(retried), lost(retried))
    assert scratch(here) == []


def test_a_retry_that_was_killed_while_it_is_brought_is_said_where_its_scratch_folder_is_lost(
    brought, here, url, bucket, proxy, mended, retried, wit
):
    running = []

    def kills(method, path, n):
        if method == "PUT" and path.endswith("ledger/stage=fetch/part-00000.parquet"):
            os.kill(running[-1].pid, signal.SIGKILL)

    proxy.fault = kills
    running.append(started(here, *retry(url, mended)))
    assert killed(running[-1])
    proxy.fault = lambda method, path, n: None
    (here / "scratch").rename(here / "lost")
    verified = wit("verify", url)
    assert (verified.code, verified.error) == (2, f"{url!r} has an unfinished `wit retry`")
    before = bucket.objects("run")
    for words in (retry(url, mended), ("forget", url, "--url", "http://a.test/"), build(url)):
        said = wit(*words)
        assert said.code == 2 and said.error.startswith(f"{url} is half changed by a `wit retry`, and what ")
        assert said.hint.startswith("the same command where it was begun, or with its --scratch; or ")
    assert bucket.objects("run") == before
    shutil.rmtree(here / "scratch", ignore_errors=True)
    (here / "lost").rename(here / "scratch")
    assert wit(*retry(url, mended)).code == 0
    assert tars(bucket.folder / "run") == tars(retried)
    assert set(bucket.objects("run")) == set(files(retried))
    assert wit("verify", url).code == 0
