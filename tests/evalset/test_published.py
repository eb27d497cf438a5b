"""Sets at URLs: brought here whole, once."""

import json
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from tests.evalset import made
from wit_builder import remote, store
from wit_builder.errors import BuildError, ConfigError
from wit_builder.evalset import published, sets

NAMES = ["cat", "dog"]


class Hub(ThreadingHTTPServer):
    """Serves a folder on loopback and remembers what was asked for."""

    def __init__(self, folder):
        self.asked, self.short = [], set()
        super().__init__(("127.0.0.1", 0), partial(_Answers, directory=str(folder)))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path in self.server.short:
            self._say(b"not all")
        elif self.path.startswith("/api/datasets/"):
            self._say(json.dumps(self._api(self.path.partition("?")[0].removeprefix("/api/"))).encode())
        else:
            super().do_GET()

    def _api(self, path):
        """What the hub's client asks: of a repository that there is one, of a folder what is in it."""
        repository, _, below = path.partition("/tree/main")
        if repository == path:
            return {"id": repository.removeprefix("datasets/"), "sha": "0" * 40, "siblings": []}
        root = Path(self.directory, repository, "resolve", "main")
        return [
            {
                "type": "file" if one.is_file() else "directory",
                "path": one.relative_to(root).as_posix(),
                "size": one.stat().st_size,
                "oid": "0" * 40,
            }
            for one in (root / below.strip("/")).iterdir()
        ]

    def _say(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The hub with CIFAR-10 as CLIP_benchmark publishes it, in two shards."""
    monkeypatch.setattr(store, "AT_ONCE_S", 1.0)
    monkeypatch.setattr(store, "PATIENCE_S", 1.0)
    folder = tmp_path / "hub" / "datasets" / "clip-benchmark" / "wds_vtab-cifar10" / "resolve" / "main"
    made.beside(made.benchmark(folder, [0, 1, 1], shards=2), NAMES, ["a {c}"])
    made.benchmark(folder, [1], split="train")
    with Hub(tmp_path / "hub") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub
        hub.shutdown()


def test_a_name_is_read_from_the_hub(hub, tmp_path):
    held = sets.read("wds/cifar10", cache=tmp_path / "cache")
    assert (held.name, held.keys, held.labels.tolist()) == (
        "wds_vtab-cifar10",
        ("s0", "s2", "s1"),
        [0, 1, 1],
    )
    assert (held.classes, held.templates) == ((("cat",), ("dog",)), ("a {c}",))
    assert held.images[2].read() == made.picture(1)
    assert sets.splits("wds/vtab/cifar10") == ("test", "train")


def test_a_split_is_asked_for_once(hub, tmp_path):
    first = sets.read("wds/cifar10", cache=tmp_path / "cache")
    hub.asked.clear()
    assert sets.read("wds/cifar10", cache=tmp_path / "cache").keys == first.keys
    assert hub.asked == []
    assert len(sets.read("wds/cifar10", "train", tmp_path / "cache").keys) == 1


def test_what_was_cut_short_here_is_asked_for_again_and_nothing_else(hub, tmp_path):
    first = sets.read("wds/cifar10", cache=tmp_path / "cache")
    first.images[2].path.write_bytes(b"half")
    hub.asked.clear()
    again = sets.read("wds/cifar10", cache=tmp_path / "cache")
    assert again.images[2].read() == made.picture(1)
    assert [path.rpartition("/")[2] for path in hub.asked if path.endswith((".tar", "names.txt"))] == [
        "1.tar"
    ]


def test_a_shard_that_comes_short_is_not_there(hub, tmp_path, monkeypatch):
    folder = "/datasets/clip-benchmark/wds_vtab-cifar10/resolve/main/test"
    hub.short.add(f"{folder}/1.tar")
    with pytest.raises(BuildError, match=r"1\.tar"):
        sets.read("wds/cifar10", cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*/test/1.tar"))
    hub.short.clear()
    assert len(sets.read("wds/cifar10", cache=tmp_path / "cache").keys) == 3


def test_a_split_that_is_not_there_is_one_sentence(hub, tmp_path):
    with pytest.raises(ConfigError, match="has no split 'val', it has test, train") as raised:
        sets.read("wds/cifar10", "val", tmp_path / "cache")
    assert raised.value.hint == "--split test"


def test_a_name_that_nobody_publishes_is_one_sentence(hub, tmp_path):
    with pytest.raises(ConfigError, match="publishes UCF101"):
        sets.read("wds/ucf101", cache=tmp_path)
    with pytest.raises(ConfigError, match="wds_never/resolve/main has no split 'test', it has none"):
        sets.read("wds/never", cache=tmp_path)


def test_a_folder_called_so_comes_first(tmp_path, monkeypatch):
    made.classes(tmp_path / "wds" / "cifar10", ["a", "b"])
    monkeypatch.chdir(tmp_path)
    assert sets.read("wds/cifar10").sources["classes"] == "folders"


def test_any_store_will_do(tmp_path):
    memory = fsspec.filesystem("memory")
    made.beside(made.benchmark(tmp_path / "own", [1, 0]), NAMES)
    memory.put(f"{tmp_path}/own", "/sets/own", recursive=True)
    held = sets.read("memory://sets/own", cache=tmp_path / "cache")
    assert (held.name, held.labels.tolist()) == ("own", [1, 0])


def test_a_shard_that_is_missing_there_is_one_sentence(tmp_path):
    memory = fsspec.filesystem("memory")
    made.benchmark(tmp_path / "own", [1, 0])
    (tmp_path / "own" / "test" / "nshards.txt").write_text("2")
    memory.put(f"{tmp_path}/own", "/sets/less", recursive=True)
    with pytest.raises(ConfigError, match=r"has no test/1\.tar, and its test/nshards\.txt says 2"):
        sets.read("memory://sets/less", cache=tmp_path / "cache")


def test_the_hubs_own_protocol_will_do(hub, tmp_path):
    """By huggingface_hub's client, in a process of its own: it takes HF_ENDPOINT when it is imported."""
    pytest.importorskip("huggingface_hub")
    code = (
        "from pathlib import Path; from wit_builder.evalset import sets; "
        "held = sets.read('hf://datasets/clip-benchmark/wds_vtab-cifar10', cache=Path('cache')); "
        "print(held.name, held.labels.tolist(), held.templates)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.stdout == "wds_vtab-cifar10 [0, 1, 1] ('a {c}',)\n"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("hf://datasets/clip-benchmark/wds_vtab-pets", "wds_vtab-pets"),
        ("hf://datasets/clip-benchmark/wds_vtab-pets@main", "wds_vtab-pets"),
        ("https://huggingface.co/datasets/clip-benchmark/wds_cars/resolve/main", "wds_cars"),
        ("s3://bucket/sets/mine", "mine"),
    ],
)
def test_a_set_is_called_as_its_folder_or_repository(url, name):
    assert published.name(url) == name


def test_clip_benchmarks_addresses_are_understood():
    said = "https://huggingface.co/datasets/clip-benchmark/wds_cars/tree/main"
    assert published.address(said) == said.replace("tree", "resolve")


def test_a_shard_that_changed_since_it_was_listed_is_not_there(tmp_path, monkeypatch):
    memory = fsspec.filesystem("memory")
    made.beside(made.benchmark(tmp_path / "own", [1, 0]), NAMES)
    memory.put(f"{tmp_path}/own", "/sets/changed", recursive=True)
    listed = remote.expand
    more = lambda words, ends: [replace(one, bytes=one.bytes + 1) for one in listed(words, ends)]  # noqa: E731
    monkeypatch.setattr(published.remote, "expand", more)
    with pytest.raises(BuildError, match=r"gave \d+ bytes, \d+ were listed"):
        sets.read("memory://sets/changed", cache=tmp_path / "cache")
    monkeypatch.undo()
    assert sets.read("memory://sets/changed", cache=tmp_path / "cache").labels.tolist() == [1, 0]


def test_a_split_that_another_process_brings_is_waited_for(hub, tmp_path):
    """Two processes begin at once; each file is asked for once."""
    code = (
        "from pathlib import Path; from wit_builder.evalset import sets; "
        f"print(len(sets.read('wds/cifar10', cache=Path({str(tmp_path)!r})).keys))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [one.communicate()[0] for one in running] == ["3\n", "3\n"]
    assert sorted(path.rpartition("/")[2] for path in hub.asked if path.endswith(".tar")) == [
        "0.tar",
        "1.tar",
    ]
