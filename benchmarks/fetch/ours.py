"""Our fetch on a list: read it, fetch, pack. `python ours.py LIST OUT CONNECTIONS HOST_CONNECTIONS`."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from wit_builder.engine import shuffle
from wit_builder.engine import task as engine
from wit_builder.engine.local import LocalExecutor, Progress
from wit_builder.engine.task import Done
from wit_builder.images.picture import ImageSpec
from wit_builder.ledger import Funnel
from wit_builder.lists.settings import UrlList
from wit_builder.recipe import Recipe
from wit_builder.records import CANDIDATE_SCHEMA, Candidate, candidate_id, to_table
from wit_builder.road import Road, Watcher, write_session
from wit_builder.web.settings import Politeness, WebSettings

SPEC = ImageSpec(size=256, mode="keep_ratio", quality=95, only_shrink=False, keep_original=False)


class Nobody:
    """Watches no stage."""

    def stage(self, name: str, tasks: int) -> Progress:
        """Nothing to tell."""
        return lambda counts, done: None


def main() -> None:
    """Everything from the list to the shards."""
    urls, out, connections, host_connections = sys.argv[1:]
    haste = Politeness(host_delay_s=0.0, ip_delay_s=0.0, host_connections=int(host_connections))
    web = WebSettings(politeness=haste, allow_network=("127.0.0.0/8",), connections=int(connections))
    table = pq.read_table(urls, columns=["url", "caption"])
    columns = (column.to_pylist() for column in table.columns)
    road = fetched(Path(out), *columns, web, {}, Nobody())
    samples = engine.files(road.done["fetch"], "samples")
    road.done["clean-exact"] = [Done("as they are", {"samples": samples}, Funnel(), 0.0)]
    road.done["clean-similar"] = []
    road.pack()


def fetched(
    root: Path,
    urls: Sequence[str],
    captions: Sequence[str],
    web: WebSettings,
    connect_to: Mapping[str, str | None],
    watcher: Watcher,
) -> Road:
    """A road on which the fetch stage is done."""
    root.mkdir(exist_ok=True)
    recipe = Recipe(name="race", source=UrlList(files=("list.parquet",)), image=SPEC, web=web)
    write_session(root, connect_to)
    road = Road(recipe, root, LocalExecutor(workers=2), watcher)
    now = datetime.now(UTC)
    rows = to_table(
        [
            Candidate(candidate_id(url, caption), url, caption, "list", (), "", "", "", "", "", now)
            for url, caption in zip(urls, captions, strict=True)
        ],
        CANDIDATE_SCHEMA,
    )
    engine.plan(root, "select-unique", "none:none", {}, {"bins": 1})
    shuffle.write(root / "given.shuffle", rows, np.zeros(len(urls), np.int64), 1)
    road.done["select-unique"] = [Done("given", {"candidates": [root / "given.shuffle"]}, Funnel(), 0.0)]
    road.fetch()
    return road


if __name__ == "__main__":
    main()
