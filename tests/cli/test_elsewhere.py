"""Commands whose tasks run on a cluster of two nodes write what they write on one machine, to the byte."""

import shutil

import pytest

from tests import builds
from tests.ablate import pools
from tests.ablate.pools import pair
from tests.audit.folders import held, jpeg, shards
from tests.builds import GOOD, image_url
from tests.cli.test_presets import points
from tests.engine import clusters
from tests.evaluate.folders import folders
from tests.journeys.folders import kept, lost, tars
from tests.model import tiny
from tests.site.told import Say, picture, told
from wit_builder.cli import ablate

OUTS = ("here", "there")


@pytest.fixture(scope="module")
def ray():
    """The options that lead to the cluster."""
    with clusters.cluster(2) as nodes:
        yield ["--executor", "ray", "--address", nodes.address]


@pytest.fixture(scope="module")
def web():
    with told() as told_web:
        builds.tell(told_web)
        told_web.answers[image_url(9)] = Say(picture(9))
        yield told_web


def files(out):
    """All of OUT but what says when it was made."""
    dated = {"build.json", "README.md", "report.html", "_wit/fetch.json", ".lock", "_wit/.lock"}
    found = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in dated}


def reach(web):
    return [word for host, to in web.connect_to.items() for word in ("--connect-to", f"{host}={to or ''}")]


def test_fetch(wit, web, ray, tmp_path):
    rows = "\n".join(f"{image_url(n)},picture {n}" for n in range(12))
    (tmp_path / "pairs.csv").write_text(f"URL,TEXT\n{rows}\n")
    words = ["fetch", "pairs.csv", "--url_col", "URL", "--caption_col", "TEXT", "--delay", 0, "--quiet"]
    words += ["--output_format", "webdataset", "--number_sample_per_shard", 5, "--processes_count", 8]
    words += ["--allow_network", "127.0.0.0/8", *reach(web)]
    for out, where in (("here", []), ("there", ray)):
        said = wit(*words, "--out", out, *where)
        assert said.code == 0, said.err
        assert said.out.startswith(f"{out}: 9 images of 12")
    here, there = ({path.name: path.read_bytes() for path in (tmp_path / out).glob("*.tar")} for out in OUTS)
    assert len(here) == 3
    assert here == there


def test_retry(wit, web, ray, tmp_path):
    for out, where in (("here", ["--workers", 1]), ("there", ray)):
        shutil.copytree(builds.finished(), tmp_path / out)
        said = wit("retry", out, "--only", "5xx", *reach(web), *where)
        assert said.code == 0, said.err
        assert "1 of them are pairs in shards now" in said.err
    here, there = ([show(tmp_path / out) for show in (tars, lost, kept)] for out in OUTS)
    assert len(here[0]) == GOOD // 3 + 2
    assert here == there


def test_ablate(wit, ray, tmp_path, monkeypatch):
    monkeypatch.setattr(ablate, "entry_points", lambda group: points(group))
    pools.write(tmp_path / "POOL", [pair(n, original_width=190 + n) for n in range(20)])
    for out, where in (("here", ["--workers", 1]), ("there", ray)):
        said = wit("ablate", "POOL", "--preset", "datacomp-basic", "--out", out, *where)
        assert said.code == 0, said.err
    assert files(tmp_path / "here") == files(tmp_path / "there")


def test_eval(wit, ray, tmp_path):
    folders(tmp_path / "photos", per_class=8)
    model, checkpoint = tiny.files()
    for out, where in (("here", []), ("there", ray)):
        words = [
            "--model",
            model,
            "--checkpoint",
            checkpoint,
            "--eval-set",
            "photos",
            "--cache",
            f"{out} kept",
        ]
        said = wit("eval", *words, "--out", out, *where, "--quiet")
        assert said.code == 0, said.err
    assert files(tmp_path / "here") == files(tmp_path / "there")
    assert files(tmp_path / "here kept") == files(tmp_path / "there kept")
    assert not (tmp_path / "there" / ".work").exists()


def test_audit(wit, ray, tmp_path):
    shards(tmp_path / "shards", [jpeg(n) for n in range(6)])
    held(tmp_path / "mine", [jpeg(n) for n in (2, 20, 21, 22)])
    for out, where in (("here", ["--workers", 1]), ("there", ray)):
        words = ["--shards", "shards", "--eval-set", "mine", "--cache", f"{out} kept", "--quiet"]
        said = wit("audit", *words, "--canaries", 0, "--out", out, *where)
        assert said.code == 0, said.err
    here, there = (files(tmp_path / out) for out in OUTS)
    del (
        here["asked.json"],
        there["asked.json"],
        here["audit.json"],
        there["audit.json"],
    )  # they name the cache
    assert here == there
