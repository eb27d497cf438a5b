"""Our fetch on a list: read, spread, fetch, pack. `python ours.py LIST OUT CONNECTIONS HOST_CONNECTIONS`."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from wit_builder import build
from wit_builder.engine import shuffle
from wit_builder.engine import task as engine
from wit_builder.engine.local import LocalExecutor
from wit_builder.engine.task import Done
from wit_builder.images.process import ImageSpec
from wit_builder.ledger import Funnel
from wit_builder.lists.settings import UrlList
from wit_builder.recipe import Recipe
from wit_builder.records import CANDIDATE_SCHEMA, Candidate, candidate_id, to_table
from wit_builder.web.politeness import Politeness
from wit_builder.web.visitor import WebSettings


class Nobody:
    """Watches no stage."""

    def stage(self, name, tasks):  # noqa: ANN001, ANN201
        """Nothing to tell."""
        return lambda counts, done: None


def main() -> None:
    """Everything from the list to the shards."""
    urls, out, connections, host_connections = sys.argv[1:]
    root = Path(out)
    root.mkdir(parents=True)
    haste = Politeness(host_delay_s=0.0, ip_delay_s=0.0, host_connections=int(host_connections))
    recipe = Recipe(
        name="race",
        source=UrlList(files=("list.parquet",)),
        image=ImageSpec(size=256, mode="keep_ratio", quality=95, only_shrink=False, keep_original=False),
        web=WebSettings(politeness=haste, allow_network=("127.0.0.0/8",), connections=int(connections)),
    )
    build.write_session(root, {})
    executor = LocalExecutor(workers=2)
    road = build.Road(recipe, root, executor, Nobody())
    given(road, root, Path(urls))
    road.fetch()
    road.done["clean-exact"] = [
        Done("as-is", {"samples": engine.files(road.done["fetch"], "samples")}, Funnel(), 0.0)
    ]
    road.done["clean-similar"] = []
    road.pack()
    executor.close()
    print(road.done["fetch"][0].funnel.as_json())


def given(road: build.Road, root: Path, urls: Path) -> None:
    """The list as candidates, as the selection would leave them."""
    now = datetime.now(UTC)
    rows = pq.read_table(urls, columns=["url", "caption"]).to_pylist()
    made = [
        Candidate(
            candidate_id(r["url"], r["caption"]), r["url"], r["caption"], "list", (), "", "", "", "", "", now
        )
        for r in rows
    ]
    table = to_table(made, CANDIDATE_SCHEMA)
    engine.plan(root, "select-unique", "none:none", {}, {"bins": 1})
    shuffle.write(root / "given.shuffle", table, np.zeros(len(rows), np.int64), 1)
    road.done["select-unique"] = [Done("given", {"candidates": [root / "given.shuffle"]}, Funnel(), 0.0)]


if __name__ == "__main__":
    main()
