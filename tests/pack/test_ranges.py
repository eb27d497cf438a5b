"""Where shards begin does not depend on how many ids are held at a time."""

import random

import orjson
import pyarrow as pa
import pytest

from tests.curation.rows import ran
from wit_builder.curation import tables
from wit_builder.pack import pack, ranges

PER_SHARD, MOST = 7, 5  # samples, failures in a sidecar


def ids(count, seed):
    return [f"{random.Random(f'{seed}-{n}').getrandbits(128):032x}" for n in range(count)]


def at_once(samples, dropped, failures):
    """What `order` hands on, by the letter."""
    kept = sorted(set(samples) - set(dropped))
    starts = kept[::PER_SHARD]
    shown = [[] for _ in starts]
    for id_ in sorted(failures) if starts else []:
        shown[max(0, sum(start <= id_ for start in starts) - 1)].append(id_)
    return [[start, ["", *some[:MOST]][-1]] for start, some in zip(starts, shown, strict=True)]


def ordered(folder, **kinds):
    """What it hands on, each kind in two files."""
    files = {}
    for kind, some in kinds.items():
        files[kind] = [str(folder / f"{kind}-{n}.parquet") for n in range(2)]
        for n, path in enumerate(files[kind]):
            tables.write_parquet(folder / path, pa.table({"id": pa.array(some[n::2], pa.string())}))
    task = ran(pack.order, folder, files, per_shard=PER_SHARD)
    assert not list(task.folder.glob(".ranges-*"))
    return orjson.loads((task.folder / task.files["shards"][0]).read_bytes())


@pytest.mark.parametrize("held", [1, 10, 1_000])
@pytest.mark.parametrize(("samples", "failures"), [(100, 200), (14, 0), (1, 30), (0, 30), (300, 3)])
def test_shards_begin_where_they_would_with_all_ids_in_memory(tmp_path, monkeypatch, held, samples, failures):
    monkeypatch.setattr(ranges, "ROWS", held)
    monkeypatch.setattr(ranges, "BATCH", 9)
    monkeypatch.setattr(pack, "MAX_FAILURES", MOST)
    kinds = {"samples": ids(samples, "s"), "failures": ids(failures, "f")}
    kinds["dropped"] = [*kinds["samples"][::5], *ids(3, "of others")]
    assert ordered(tmp_path, **kinds) == at_once(**kinds)
