"""`wit audit` of shards at S3, by sets at S3 and by HTTP."""

import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import fsspec
import pyarrow.parquet as pq
import pytest

from tests.audit.folders import jpeg, shards
from tests.evalset import made


def benchmark(folder, numbers):
    """CLIP_benchmark's layout of one class, with these photographs."""
    members = [(f"s{n}.{kind}", body) for n in numbers for kind, body in (("jpg", jpeg(n)), ("cls", b"0"))]
    made.tar(folder / "test" / "0.tar", members)
    (folder / "test" / "nshards.txt").write_text("1\n")
    return made.beside(folder, ["thing"], ["a {c}"])


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing of what is asked for."""

    def log_message(self, *_):
        pass


@pytest.fixture
def web(tmp_path):
    """A folder by HTTP."""
    benchmark(tmp_path / "web" / "there", [2, 3])
    handler = partial(Quiet, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_shards_and_sets_in_a_store_are_audited_as_files_are(wit, bucket, web, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    own = shards(tmp_path / "shards", [jpeg(n) for n in range(5)], per_shard=3)
    held = benchmark(tmp_path / "held", [0, 20])
    store = fsspec.filesystem("s3")
    store.put(str(own), f"{bucket.name}/run/shards", recursive=True)
    store.put(str(held), f"{bucket.name}/sets/held", recursive=True)
    told = {}
    for place, sets in (
        ("far", [f"{bucket.url}/sets/held", f"{web}/there"]),
        ("near", [held, tmp_path / "web" / "there"]),
    ):
        words = ["--shards", own if place == "near" else f"{bucket.url}/run/shards/{{00000..00001}}.tar"]
        words += [word for one in sets for word in ("--eval-set", one)]
        said = wit("audit", *words, "--out", tmp_path / place, "--workers", 1, "--quiet", "--json")
        assert (said.code, said.err) == (0, "")
        told[place] = json.loads(said.out)
        names = pq.read_table(tmp_path / place / "exclude.parquet").column("key").to_pylist()
        assert names == ["000000", "000002", "000003"]
    assert [one["overlap"] for one in told["far"]["sets"]] == [1, 2]
    assert told["far"]["sets"] == told["near"]["sets"]
    assert wit("audit", *words, "--out", tmp_path / "near", "--fail-above", "40%").code == 1
