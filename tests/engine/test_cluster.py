"""What a cluster adds to the executors' contract (test_stage.py): nodes that are lost, blind or not there."""

import socket
import sys
import threading
import time
from contextlib import closing

import pytest

from tests.engine import clusters
from wit_builder.engine import cluster, local
from wit_builder.engine import task as engine
from wit_builder.engine.cluster import RayExecutor
from wit_builder.engine.local import Needs
from wit_builder.engine.stage import number, run_stage
from wit_builder.errors import ConfigError

SLOW = "tests.engine.jobs:slow_square"


def test_a_lost_node_costs_its_tries_and_not_the_stage(tmp_path):
    """The second of three nodes is killed while it works; the others take over what it had."""
    with clusters.cluster(3) as nodes, closing(RayExecutor(nodes.address)) as executor:
        lost = []

        def lose(counts, done):
            if done >= 2 and not lost:
                lost.append(nodes.list_all_nodes()[1])
                nodes.remove_node(lost[0], allow_graceful=False)

        records = run_stage(executor, tmp_path, "s", SLOW, number(list(range(12))), {}, Needs(), lose)
        assert lost
    assert [int(path.read_text()) for path in engine.files(records, "square")] == [n * n for n in range(12)]


def test_a_stage_begun_on_a_cluster_ends_on_one_machine(tmp_path):
    class Enough(Exception):
        pass

    def stop(counts, done):
        if done >= 3:
            raise Enough

    arguments = number(list(range(8)))
    with clusters.cluster(2) as nodes, closing(RayExecutor(nodes.address)) as executor, pytest.raises(Enough):
        run_stage(executor, tmp_path, "s", SLOW, arguments, {}, Needs(), stop)
    begun = {path.name: path.read_bytes() for path in (tmp_path / "s" / "done").iterdir()}
    with closing(local.LocalExecutor(1)) as executor:
        records = run_stage(executor, tmp_path, "s", SLOW, arguments, {}, Needs(), lambda counts, done: None)
    assert [int(path.read_text()) for path in engine.files(records, "square")] == [n * n for n in range(8)]
    assert len(begun) >= 3
    assert all((tmp_path / "s" / "done" / name).read_bytes() == data for name, data in begun.items())


def test_a_node_that_does_not_see_the_folder_is_named(tmp_path):
    with (
        clusters.cluster(1) as nodes,
        closing(RayExecutor(nodes.address)) as executor,
        pytest.raises(ConfigError, match=r"of the Ray cluster does not see '.*/nowhere'"),
    ):
        executor.run(tmp_path / "nowhere", "s", ["00000"], Needs(), lambda counts, done: None)


def test_a_node_with_another_version_or_none_is_named(tmp_path, monkeypatch):
    def lacking(root):
        raise ModuleNotFoundError("No module named 'wit_builder'")

    with clusters.cluster(1) as nodes, closing(RayExecutor(nodes.address)) as executor:
        for node, said in (
            (lambda root: ("0.0.9", None), r"of the Ray cluster has wit-builder 0\.0\.9, here it is"),
            (lacking, "of the Ray cluster runs no tasks of ours: No module named 'wit_builder'"),
        ):
            monkeypatch.setattr(cluster, "_looked", node)
            with pytest.raises(ConfigError, match=said) as caught:
                executor.run(tmp_path, "s", ["00000"], Needs(), lambda counts, done: None)
            assert "the same version of wit-builder" in caught.value.hint


def test_no_cluster_is_one_sentence():
    with pytest.raises(ConfigError, match=r"no Ray cluster answers at '127\.0\.0\.1:9'"):
        RayExecutor("127.0.0.1:9")


def test_where_ray_address_names_a_cluster_that_is_gone_it_ends_at_once(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"no Ray cluster answers at '127\.0\.0\.1:9': .*refused"):
        RayExecutor()


@pytest.mark.parametrize(
    ("answer", "why"), [(b"", "timed out"), (b"HTTP/1.1 400 Bad Request\r\n", "no Ray cluster")]
)
def test_what_listens_and_is_no_cluster_is_waited_for_in_words_and_not_for_ever(monkeypatch, answer, why):
    """The one that says nothing is a head that hangs."""
    monkeypatch.setattr(cluster, "_KNOCK_S", 1.0)
    monkeypatch.setattr(cluster, "_QUIET_S", 0.2)
    said = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        threading.Thread(target=lambda: _answer_late(server, answer), daemon=True).start()
        with pytest.raises(ConfigError, match=f"no Ray cluster answers at '{address}': .*{why}"):
            RayExecutor(address, say=said.append)
    assert said == [f"waiting for the Ray cluster at {address}: about a minute at most"]


def _answer_late(server, answer):
    knocked, _ = server.accept()
    with knocked:
        time.sleep(0.5 if answer else 2.0)
        knocked.sendall(answer)


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match="needs Ray, which is not installed") as caught:
        RayExecutor()
    assert "wit-builder[cluster]" in caught.value.hint
