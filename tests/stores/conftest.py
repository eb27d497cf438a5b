"""Fixtures of tests that need a store: an S3 server for the session, and the way to it in the environment."""

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import builds
from tests.cli.conftest import wit  # noqa: F401  (a fixture)
from tests.site import faulty, s3
from wit_builder import place, store

RECIPE = "from tests import builds\n\n\ndef recipe():\n    return builds.recipe()\n"


@dataclass(frozen=True)
class Bucket:
    """A bucket of its own for each test."""

    server: s3.Server
    name: str

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    @property
    def folder(self) -> Path:
        """Where nanio keeps its objects, as files."""
        return self.server.folder / self.name

    def objects(self, below: str = "") -> dict[str, bytes]:
        return s3.objects(self.folder, below)


def lead(monkeypatch, server: s3.Server, port: int = 0) -> None:
    """Have this process and its children go to that server, or through a proxy."""
    for name, value in server.environment(port).items():
        monkeypatch.setenv(name, value)
    s3.let_go()


@pytest.fixture(scope="session")
def nanio(tmp_path_factory):
    with s3.serving("nanio", tmp_path_factory.mktemp("nanio")) as server:
        yield server


@pytest.fixture(scope="session")
def creating(tmp_path_factory):
    with s3.serving("creating", tmp_path_factory.mktemp("creating")) as server:
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    with s3.serving("moto", tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture
def bucket(nanio, monkeypatch):
    lead(monkeypatch, nanio)
    name = f"b-{uuid.uuid4().hex[:12]}"
    nanio.bucket(name)
    return Bucket(nanio, name)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a recipe file, to type commands in; scratch folders lie below it."""
    (tmp_path / "tiny.py").write_text(RECIPE)
    monkeypatch.setenv("WIT_SCRATCH", str(tmp_path / "scratch"))
    for name in ("AT_ONCE_S", "PATIENCE_S"):
        monkeypatch.setattr(store, name, 1.0)
    return tmp_path


@pytest.fixture
def url(bucket):
    return f"{bucket.url}/run"


@pytest.fixture
def proxy(bucket, monkeypatch):
    with faulty.before(bucket.server.port) as told:
        lead(monkeypatch, bucket.server, told.port)
        yield told


@pytest.fixture
def waiting(here, url, bucket):
    """The scratch folder of a build that is complete in it, and of which nothing is at OUT yet; a proxy goes
    before it, since the folder's name depends on the endpoint.
    """
    return shutil.copytree(builds.finished(), place._scratch(url, None))


@pytest.fixture
def brought(waiting, url, wit):  # noqa: F811
    """A build that is complete at OUT."""
    assert wit(*build(url)).code == 0


def build(url, web=None):
    """The command; without a web nothing can be fetched."""
    reach = ["--connect-to", f"*.test=127.0.0.1:{web.port}"] if web else []
    return ["build", "./tiny.py", "--out", url, *reach, "--connect-to", "*="]
