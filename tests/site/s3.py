"""S3 servers on loopback, real programs in processes of their own, that can be killed and started again."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import fsspec.asyn

KEY, SECRET = "AKIATESTTESTTEST", "secret-of-the-tests"


@dataclass
class Server:
    """nanio keeps buckets as folders and objects as files below `folder`, and checks signatures; creating is
    nanio that heeds If-None-Match (creating.py).

    moto keeps all in memory, takes any signature, and any name.
    """

    program: str
    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """At the port it had before, if it was started before."""
        self.port = self.port or _free_port()
        own = {"NANIO_ACCESS_KEY": KEY, "NANIO_SECRET_KEY": SECRET}
        self.process = subprocess.Popen(
            self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | own
        )
        deadline = time.monotonic() + 30
        while not _answers(self.port):
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)

    def kill(self) -> None:
        """As kill -9 does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def bucket(self, name: str) -> Path:
        """Make a bucket of nanio's, and get its folder."""
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        return self.folder / name

    def unfinished(self) -> list[str]:
        """Uploads that nanio holds parts of."""
        return [path.name for path in (self.folder / ".nanio" / "multipart").glob("*")]

    def environment(self, port: int = 0) -> dict[str, str]:
        """What leads there, or through a proxy at that port, and to no other account of this machine."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def _command(self) -> list[str]:
        python = [sys.executable, "-m"]
        if self.program == "moto":
            return [*python, "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        if self.program == "creating":
            return [*python, "tests.site.creating", str(self.folder), str(self.port)]
        own = ["--data-dir", str(self.folder), "--host", "127.0.0.1", "--port", str(self.port)]
        return [*python, "nanio", "serve", *own, "--log-level", "error", "--no-access-log"]


def let_go() -> None:
    """Close what this process has open to stores, and forget them; s3fs itself waits a tenth of a second for that."""
    kind = fsspec.get_filesystem_class("s3")
    for store in list(kind._cache.values()):
        if store._s3 is not None:
            fsspec.asyn.sync(store.loop, store._s3.__aexit__, None, None, None, timeout=10)
    kind.clear_instance_cache()


@contextmanager
def serving(program: str, folder: Path) -> Iterator[Server]:
    """The server of that name, ended with the block."""
    server = Server(program, folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def objects(bucket: Path, below: str = "") -> dict[str, bytes]:
    """Names and bytes of nanio's objects, as its files have them."""
    found = sorted(path for path in (bucket / below).rglob("*") if path.is_file())
    names = {path: path.relative_to(bucket / below).as_posix() for path in found}
    return {name: path.read_bytes() for path, name in names.items() if ".nanio-meta" not in path.parts}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
            return True
    except urllib.error.HTTPError:  # it wants a signature
        return True
    except OSError:
        return False
