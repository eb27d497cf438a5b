"""Ray clusters of several nodes on this machine."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cli.processes import ROOT, environment


@contextmanager
def cluster(nodes: int, cpus: int = 1, apart_s: float = 0.0, **system: Any) -> Iterator[Any]:
    """One with so many nodes, as ray.cluster_utils has it; ends with the block.

    apart_s: seconds by which the clock of the second node is late and that of the third is early; tasks then run on
    these. system: Ray's own settings, of its head.
    """
    pytest.importorskip("ray", reason="pip install ray")
    from ray.cluster_utils import Cluster

    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    made = Cluster()
    try:
        for number in range(nodes):
            more: dict[str, Any] = {"_system_config": system} if system and not number else {}
            cores = cpus if number or not apart_s else 0
            if apart_s and number:
                more["env_vars"] = environment(WIT_ODD_CLOCK=str(apart_s * (-1) ** number))
            made.add_node(num_cpus=cores, object_store_memory=80 << 20, include_dashboard=False, **more)
        made.wait_for_nodes()
        yield made
    finally:
        made.shutdown()
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before
