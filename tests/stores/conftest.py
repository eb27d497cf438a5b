"""Fixtures of tests that need a store: an S3 server for the session, and the way to it in the environment."""

import uuid
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pytest

from tests.cli.conftest import wit  # noqa: F401  (a fixture)
from tests.site import s3


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
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture(scope="session")
def nanio(tmp_path_factory):
    with s3.serving("nanio", tmp_path_factory.mktemp("nanio")) as server:
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
