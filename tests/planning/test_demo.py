"""A plan of a part of the demo web, against what the whole of it really takes."""

from contextlib import closing

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wit_builder.demo_web.serve import served
from wit_builder.demo_web.web import Web
from wit_builder.engine.local import LocalExecutor
from wit_builder.engine.task import Done
from wit_builder.images.picture import ImageSpec
from wit_builder.lists.settings import UrlList
from wit_builder.planning.draw import draw
from wit_builder.planning.estimate import estimate
from wit_builder.planning.simulate import Machines
from wit_builder.planning.trial import try_rows
from wit_builder.web.settings import Politeness, WebSettings

pytestmark = pytest.mark.slow  # two real fetches of 20 s

DEMO = Web(pages=80)
WEB = WebSettings(
    deadline_s=1.0,
    politeness=Politeness(host_delay_s=0.1, ip_delay_s=0.0),
    allow_network=("127.0.0.0/8",),
)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What was planned from 200 rows,, and the rates and seconds of all of them."""
    folder = tmp_path_factory.mktemp("demo")
    urls = [row.url for row in DEMO.truth() if row.kind == "pair" and row.stage in ("fetch", "clean")]
    pq.write_table(pa.table({"url": urls, "caption": ["what is seen"] * len(urls)}), folder / "list.parquet")
    listed = UrlList(files=(str(folder / "list.parquet"),))
    with served(DEMO) as port, closing(LocalExecutor(2)) as executor:

        def fetched(wanted, name):
            (folder / name).mkdir()
            drawn = draw(listed, wanted)
            reach = DEMO.connect_to(port)
            return drawn, try_rows(
                drawn.rows, WEB, ImageSpec(), executor, folder / name, reach, lambda *_: None
            )[0]

        drawn, sample = fetched(200, "trial")
        _, whole = fetched(10_000, "whole")
    planned = estimate(drawn.hosts, sample, None, WEB.politeness, Machines(cores=2))
    seconds = Done.read(folder / "whole" / "fetch" / "done" / "00000.json").seconds
    return planned, whole, seconds - whole.start_s


def test_as_many_pairs_as_planned(outcome):
    planned, whole, _ = outcome
    assert planned.rows.value == whole.rows > 400
    assert planned.pairs.low <= whole.pairs <= planned.pairs.high
    assert planned.pairs.value == pytest.approx(whole.pairs, rel=0.06)


def test_as_many_bytes_as_planned(outcome):
    planned, whole, _ = outcome
    assert planned.down.value == pytest.approx(whole.rows * whole.down.mean, rel=0.2)
    assert planned.down.low <= whole.rows * whole.down.mean <= planned.down.high
    assert planned.stored.value == pytest.approx(whole.pairs * whole.stored, rel=0.1)


def test_as_long_as_planned(outcome):
    planned, _, seconds = outcome
    assert planned.fleets[0].outcome.wall_s == pytest.approx(seconds, rel=0.25)
