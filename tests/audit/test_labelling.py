"""The local page on which people say which pairs are one image."""

import asyncio

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.audit.browser import Tab, browser
from tests.model import tiny
from tests.train import tars
from wit_builder import build
from wit_builder.audit import labelling, labels
from wit_builder.audit.pictures import Pictures
from wit_builder.errors import ConfigError
from wit_builder.evalset import sets
from wit_builder.shardset import sources
from wit_builder.shardset.cache import Cache

TOKEN = "token"
OWN = {("pets", "pdq"): 0.88, ("pets", "copy"): 0.9}
ROWS = [  # similarity, whether it is counted, whether its image is there
    {"eval_id": "cat/0.jpg", "key": "k0", "similarity": 0.99, "overlap": True},
    {"eval_id": "cat/1.jpg", "key": "k1", "similarity": 0.90, "overlap": True},
    {"eval_id": "cat/none.jpg", "key": "none", "similarity": 0.85, "overlap": False},
]


@pytest.fixture
def rows():
    rest = {"eval_set": "pets", "shard": "00000.tar", "detector": "pdq", "rank": 0, "turn": 0}
    return [rest | {"caption": "a cat", "url": None} | row for row in ROWS]


@pytest.fixture
def pictures(tmp_path):
    for number in range(2):
        path = tmp_path / "pets" / "cat" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tiny.picture(number, kind="jpeg"))
    tar = tmp_path / "00000.tar"
    tars.shard(tar, {f"k{number}": tars.members(number) for number in range(2)})
    found = sources.shards([str(tar)], Cache(tmp_path / "cache"))
    return Pictures([sets.read(tmp_path / "pets")], found)


def talk(out, rows, pictures, said):
    """What `said(client)` returns, a client of the page."""

    async def talking():
        app = labelling.application(out, rows, pictures, OWN, labels.read(out), TOKEN)
        async with TestClient(TestServer(app, host="127.0.0.1")) as client:
            return await said(client)

    return asyncio.run(talking())


async def post(client, number, same, token=TOKEN):
    return await client.post("/label", json={"number": number, "same": same}, headers={"X-Token": token})


def test_an_answer_is_kept_before_it_is_confirmed_and_may_be_taken_back(tmp_path, rows, pictures):
    async def said(client):
        first = (await (await client.get("/next")).json())["pair"]
        told = await (await post(client, first["number"], True)).json()
        kept = labels.read(tmp_path)
        second = (await (await client.get("/next")).json())["pair"]
        await post(client, first["number"], None)
        return first, told, kept, second, labels.read(tmp_path)

    first, told, kept, second, after = talk(tmp_path, rows, pictures, said)
    assert (first["eval_id"], second["eval_id"]) == ("cat/0.jpg", "cat/1.jpg")
    assert [(pair.eval_id, same) for pair, same in kept.items()] == [("cat/0.jpg", True)]
    assert told["thresholds"][0]["similarity"] == pytest.approx(0.99)
    assert after == {}


def test_labels_of_an_earlier_day_are_not_asked_for_again(tmp_path, rows, pictures):
    async def answer(client):
        for number in range(3):
            await post(client, number, number == 0)

    async def following(client):
        return await (await client.get("/next?skip=7")).json()

    talk(tmp_path, rows, pictures, answer)
    told = talk(tmp_path, rows, pictures, following)
    assert (told["pair"], told["left"]) == (None, 0)
    assert told["thresholds"][0]["labelled"] == 1


def test_both_pictures_are_shown_and_a_missing_one_is_no_fault(tmp_path, rows, pictures):
    async def said(client):
        places = ["set/0", "shard/0", "set/2", "shard/2", "set/9", "other/0"]
        return [(await client.get(f"/image/{place}")).status for place in places]

    assert talk(tmp_path, rows, pictures, said) == [200, 200, 404, 404, 400, 404]


def test_another_page_of_the_browser_cannot_label(tmp_path, rows, pictures):
    async def said(client):
        strangers = [
            await post(client, 0, True, token="guessed"),
            await client.post("/label", json={"number": 0, "same": True}),
            await client.get("/next", headers={"Host": "evil.example"}),
        ]
        wrong = [
            await post(client, 99, True),
            await post(client, 0, "yes"),
            await client.post("/label", data=b"no", headers={"X-Token": TOKEN}),
            await client.get("/next?skip=x"),
        ]
        return [one.status for one in strangers], [one.status for one in wrong]

    assert talk(tmp_path, rows, pictures, said) == ([403] * 3, [400] * 4)
    assert labels.read(tmp_path) == {}


def test_the_page_runs_nothing_of_others(tmp_path, rows, pictures):
    async def said(client):
        return await (await client.get("/")).text()

    page = talk(tmp_path, rows, pictures, said)
    assert f'"{TOKEN}"' in page
    assert "Content-Security-Policy" in page
    assert "innerHTML" not in page


def test_pairs_near_their_threshold_come_first(tmp_path, rows):
    path = tmp_path / "overlap.parquet"
    pq.write_table(pa.Table.from_pylist([*rows, rows[0] | {"detector": "bytes", "similarity": 1.0}]), path)
    found = labelling.pairs(path, {("pets", "pdq"): 0.88})
    assert [row["similarity"] for row in found] == [0.90, 0.85, 0.99]
    with pytest.raises(ConfigError, match="holds no pair whose threshold could move"):
        labelling.pairs(path, {})
    with pytest.raises(ConfigError, match="cannot be read"):
        labelling.pairs(tmp_path / "none.parquet", {})


def test_a_number_below_zero_labels_nothing(tmp_path, rows, pictures):
    answer = talk(tmp_path, rows, pictures, lambda client: post(client, -1, True))
    assert (answer.status, labels.read(tmp_path)) == (400, {})


def test_a_second_page_on_the_same_audit_is_refused(tmp_path, rows, pictures):
    with build.only_one(tmp_path), pytest.raises(ConfigError, match="another wit command is working on"):
        labelling.serve(tmp_path, rows, pictures, OWN, 0.95, 0, print)


def test_in_a_real_browser_keys_label_and_what_was_said_may_be_taken_back(tmp_path, rows, pictures):
    async def looked(server, address):
        async with Tab(address, str(server.make_url("/"))) as tab:
            await tab.becomes("document.getElementById('left').textContent", "3 of 3 to label")
            await tab.becomes("document.getElementById('set').naturalWidth > 0", True)
            await tab.press("y")
            await tab.becomes("document.getElementById('left').textContent", "2 of 3 to label")
            kept = [dict(labels.read(tmp_path))]
            await tab.press("n")
            await tab.becomes("document.getElementById('left').textContent", "1 of 3 to label")
            threshold = await tab.says("document.querySelector('#thresholds td:nth-child(3)').textContent")
            await tab.press("u")
            await tab.becomes("document.getElementById('left').textContent", "2 of 3 to label")
            return [*kept, dict(labels.read(tmp_path))], threshold

    async def served(address):
        app = labelling.application(tmp_path, rows, pictures, OWN, labels.read(tmp_path), TOKEN)
        async with TestServer(app, host="127.0.0.1") as server:
            return await looked(server, address)

    with browser() as address:
        kept, threshold = asyncio.run(served(address))
    assert [[(pair.eval_id, same) for pair, same in one.items()] for one in kept] == [
        [("cat/0.jpg", True)]
    ] * 2
    assert threshold == "0.9900"
