"""The stages that find semantic duplicates: `embed`, `cluster`, `assign`, `similar`. The rule is in semantic.py.

Embeddings are of 16 bits, 1 KB a picture for ViT-B-32, and go with the work folder. Samples that were published
before (a retry adds to a finished build) have none: new samples are compared with each other only.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wit_builder.curation import semantic, survivor, tables
from wit_builder.curation.settings import Semantic
from wit_builder.engine import columns, shuffle
from wit_builder.engine.local import Needs
from wit_builder.engine.task import Task
from wit_builder.extract import united
from wit_builder.mirror import here
from wit_builder.model import load
from wit_builder.shards import staged

ROWS = 10_000  # pictures of one embed task: 10 minutes of a core for ViT-B-32
TRAINING_ROWS = 1_000_000  # embeddings that k-means sees: 3 GB for ViT-B-32

_READ = [
    "id",
    "url",
    "caption",
    "text_source",
    "original_width",
    "original_height",
    "tar",
    "offset",
    "length",
]


def run(
    stage: Callable[..., None],
    files: Callable[[str, str], list[str]],
    samples: Mapping[str, int],
    dropped: Sequence[str],
    folder: str,
    partitions: int,
    rule: Semantic,
) -> None:
    """Plan and run the four stages.

    stage, files: run one, and give what it handed on; samples: parquet files with their rows; dropped: parquet of
    ids that are gone from them; folder: the one that Sample.tar is relative to; partitions: of clusters.
    """
    here = f"{__name__}:"
    tasks = [
        {"samples": path, "start": n} for path, rows in samples.items() for n in range(0, max(1, rows), ROWS)
    ]
    params = {"semantic": rule, "staged": folder, "dropped": list(dropped)}
    stage("clean-embed", f"{here}embed", tasks, params)
    embedded = files("clean-embed", "embeddings")
    stage("clean-cluster", f"{here}cluster", [{"embeddings": embedded}], {"semantic": rule}, Needs())
    cut = {"centres": files("clean-cluster", "centres")[0], "partitions": partitions}
    stage("clean-assign", f"{here}assign", [{"embeddings": path} for path in embedded], cut)
    params = {"semantic": rule, "inputs": files("clean-assign", "samples"), "partitions": partitions}
    stage(
        "clean-semantic", f"{here}similar", list(range(partitions)), params, Needs()
    )  # squares of the clusters


def embed(task: Task) -> None:
    """Embeds the pictures of some samples.

    arg: {samples: parquet path, start: first row of ROWS}; params: semantic, dropped ([parquet path]), staged
    (folder that Sample.tar is relative to).
    Hands on `embeddings`: parquet of id, url, caption, area, rank (of the text's source), embedding.
    """
    rule, folder = task.params["semantic"], Path(task.params["staged"])
    rows = pq.read_table(here(task.arg["samples"]), columns=_READ).slice(task.arg["start"], ROWS)
    gone = pa.concat_tables(
        [rows.select(["id"]).slice(0, 0), *(pq.read_table(here(path)) for path in task.params["dropped"])]
    )
    rows = rows.filter(pc.invert(pc.is_in(rows.column("id"), gone.column("id"))))
    places = zip(*(rows.column(name).to_pylist() for name in ("tar", "offset", "length")), strict=True)
    clip = load.clip_of(rule)
    image = staged.images(folder, rows)
    found = clip.embed_images(image(*place) for place in places).astype(np.float16)
    table = rows.select(["id", "url", "caption"])
    table = table.append_column(
        "area", pc.multiply(rows.column("original_width"), rows.column("original_height"))
    )
    table = table.append_column("rank", pa.array(united.rank(rows.column("text_source"))))
    kind = pa.binary(2 * clip.width)
    held = pa.FixedSizeBinaryArray.from_buffers(kind, len(found), [None, pa.py_buffer(found.tobytes())])
    tables.write_parquet(task.new_file("embeddings", ".parquet"), table.append_column("embedding", held))


def cluster(task: Task) -> None:
    """Finds the centres of the clusters, from the embeddings with the smallest ids: a random sample of hashes.

    arg: {embeddings: [parquet path]}; params: semantic. Hands on `centres` (numpy, a row each).
    """
    paths = task.arg["embeddings"]
    ids = np.sort(
        np.concatenate([columns.fixed(pq.read_table(here(path), columns=["id"])["id"], 32) for path in paths])
    )
    last = ids[:TRAINING_ROWS][-1:]
    drawn = pa.concat_tables(_up_to(path, last) for path in paths).sort_by("id")
    clusters = max(1, min(task.params["semantic"].clusters, len(ids) // semantic.PER_CLUSTER))
    tables.write_array(task.new_file("centres", ".npy"), semantic.centres(_embeddings(drawn), clusters))


def assign(task: Task) -> None:
    """Sends samples to their clusters.

    arg: {embeddings: parquet path}; params: centres (numpy path), partitions.
    Hands on `samples`, a shuffle file by cluster.
    """
    table = pq.read_table(here(task.arg["embeddings"]))
    centres = np.load(here(task.params["centres"]), allow_pickle=False)
    found = semantic.nearest(_embeddings(table), centres)
    partitions = task.params["partitions"]
    table = table.append_column("cluster", pa.array(found))
    shuffle.write(task.new_file("samples", ".shuffle"), table, found % partitions, partitions)


def similar(task: Task) -> None:
    """Of pictures that show the same, the strongest stays.

    arg: partition; params: inputs ([shuffle path]), partitions, semantic.
    Hands on `dropped` (parquet of ids, sorted) and `losses`; takes what it drops off the count of those kept.
    """
    inputs = [Path(path) for path in task.params["inputs"]]
    table = shuffle.read(inputs, task.arg, task.params["partitions"], _NOTHING)
    rule = (-np.asarray(table["area"]), np.asarray(table["rank"]), columns.fixed(table["id"], 32))
    cluster = np.asarray(table["cluster"])
    order = survivor.by_rule(cluster, *rule)
    embeddings = _embeddings(table) if table.num_rows else np.empty((0, 0), np.float16)
    head, cosine = np.arange(table.num_rows), np.ones(table.num_rows)
    for rows in np.split(order, np.flatnonzero(np.diff(cluster[order])) + 1):
        found, cosine[rows] = semantic.heads(embeddings[rows], 1 - task.params["semantic"].eps)
        head[rows] = rows[found]
    gone = head != np.arange(len(head))
    dropped = table.filter(columns.mask(gone))
    said = pa.array([f"cosine {value:.4f} to" for value in cosine[gone].tolist()], pa.string())
    evidence = pc.binary_join_element_wise(said, columns.pick(table["id"], head[gone]), " ")
    tables.write_parquet(task.new_file("dropped", ".parquet"), dropped.select(["id"]).sort_by("id"))
    tables.hand_on_losses(task, "clean", [tables.losses_of(dropped, "clean", "semantic_duplicate", evidence)])
    task.funnel["clean"].kept -= dropped.num_rows


_NOTHING = pa.schema(
    [(name, pa.string()) for name in ("id", "url", "caption")]
    + [(name, pa.int64()) for name in ("area", "rank", "cluster")]
    + [("embedding", pa.binary(0))]
).remove_metadata()


def _up_to(path: str, last: "np.ndarray[tuple[int], np.dtype[np.bytes_]]") -> pa.Table:
    table = pq.read_table(here(path), columns=["id", "embedding"])
    return table.filter(columns.mask(columns.fixed(table["id"], 32) <= last)) if len(last) else table


def _embeddings(table: pa.Table) -> semantic.Embeddings:
    """The column as an array, a row each."""
    width = table.schema.field("embedding").type.byte_width // 2
    pieces: Iterable[semantic.Embeddings] = (
        np.frombuffer(chunk.buffers()[1], np.float16, len(chunk) * width, chunk.offset * width * 2)
        for chunk in table["embedding"].chunks
    )
    return np.concatenate([np.empty(0, np.float16), *pieces]).reshape(-1, width)
