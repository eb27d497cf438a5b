"""Lists and the fetching of them in this process: what the tests of this room share."""

import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.builds import Silent
from tests.site.told import Say, Web, picture
from wit_builder import place
from wit_builder.download import road
from wit_builder.download.settings import OURS, Download
from wit_builder.engine.task import open_task, run_task
from wit_builder.images.picture import ImageSpec
from wit_builder.lists.settings import UrlList
from wit_builder.shards.layout import Layout
from wit_builder.shards.writer import ShardSpec
from wit_builder.web.settings import Politeness, WebSettings

HURRY = Politeness(host_delay_s=0.0, ip_delay_s=0.0, retries=0)


class Here:
    """An executor that runs tasks in this process, one after the other."""

    def run(self, root, stage, ids, needs, progress):
        for n, id_ in enumerate(ids):
            task, function = open_task(root, stage, id_)
            run_task(task, function)
            progress({}, n + 1)
        return {}


def url(n: int) -> str:
    return f"http://h{n % 3}.test/{n}.png"


def tell(web: Web, good) -> None:
    """These pictures are there, the others are not."""
    web.answers |= {url(n): Say(picture(n)) for n in good}


def listed(path: Path, numbers, **columns) -> Path:
    """A list of these pictures; a number that is a text is an address."""
    urls = [n if isinstance(n, str) else url(n) for n in numbers]
    rows = {"URL": urls, "TEXT": [f"picture {n}" for n in numbers], **columns}
    pq.write_table(pa.table(rows), path)
    return path


def asked(*files: Path, columns=(), layout=None, image=None, **changes) -> Download:
    """A fetch of these lists, 4 rows to a shard."""
    urls = UrlList(files=tuple(map(str, files)), url_col="URL", caption_col="TEXT", columns=tuple(columns))
    values = {
        "urls": urls,
        "output": "webdataset",
        "image": image or ImageSpec(size=32, mode="border", only_shrink=False, keep_original=False),
        "shards": ShardSpec(samples_per_shard=4),
        "layout": layout or Layout(ours=OURS),
        "web": WebSettings(politeness=HURRY, allow_network=("127.0.0.0/8",)),
        "columns": tuple(columns),
    }
    return Download(**(values | changes))


def fetched(out: Path, web: Web, what: Download, mode="incremental", executor=None, bins=1, retry=()):
    """What it adds up to."""
    where = road.Where(place.at(out), web.connect_to, bins)
    return road.run(what, mode, where, executor or Here(), Silent(), retry)


def names(out: Path) -> set[str]:
    """The files that stand in OUT, without ours."""
    return {
        str(path.relative_to(out)) for path in out.rglob("*") if path.is_file() and "_wit" not in path.parts
    }


def tars(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob("*.tar")}


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {name: tar.extractfile(name).read() for name in tar.getnames()}


def rows(out: Path, shard: str = "*") -> list[dict]:
    """The rows of the sidecars, in order."""
    return [row for path in sorted(out.glob(f"{shard}.parquet")) for row in pq.read_table(path).to_pylist()]


def stats(out: Path) -> list[dict]:
    return [json.loads(path.read_bytes()) for path in sorted(out.glob("*_stats.json"))]
