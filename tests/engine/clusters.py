"""Ray clusters of several nodes on this machine."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cli.processes import ROOT


@contextmanager
def cluster(nodes: int, cpus: int = 1) -> Iterator[Any]:
    """One with so many nodes, as ray.cluster_utils has it; ends with the block."""
    pytest.importorskip("ray", reason="pip install ray")
    from ray.cluster_utils import Cluster

    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    made = Cluster()
    try:
        for _ in range(nodes):
            made.add_node(num_cpus=cpus, object_store_memory=80 << 20, include_dashboard=False)
        made.wait_for_nodes()
        yield made
    finally:
        made.shutdown()
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before
