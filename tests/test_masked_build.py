"""Personal data that a page shows is nowhere in what a build publishes."""

import pyarrow.parquet as pq
import pytest

from tests.builds import SEED, image_url, recipe, run
from tests.site.told import Say, picture, told
from wit_builder.extract.settings import Extraction
from wit_filters.caption import CaptionUrl

SECRETS = ("me@example.org", "030 / 1234567")
ALTS = {
    image_url(0): f"A boat, ask {SECRETS[0]} or {SECRETS[1]} about it",
    image_url(1): f"write to {SECRETS[0]}",
    image_url(2): f"A lake, {SECRETS[1]}",  # missing
    image_url(3): "A tree on a hill",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    out = tmp_path_factory.mktemp("masked") / "out"
    with told() as web:
        web.page(SEED, ALTS)
        web.answers |= {image_url(n): Say(picture(n)) for n in (0, 1, 3)}
        made = recipe(extraction=Extraction(mask=("email", "phone")), candidate_filters=(CaptionUrl(),))
        run(out, web.connect_to, made)
    return out


def test_nothing_published_holds_it(out):
    for path in out.rglob("*"):
        if path.suffix == ".parquet":
            text = str(pq.read_table(path).to_pylist())
        elif path.is_file():
            text = path.read_bytes().decode("latin-1")
        else:
            continue
        assert not any(secret in text for secret in SECRETS), path


def test_the_captions_say_that_something_was_there(out):
    captions = {row["caption"] for row in pq.read_table(out / "candidates").to_pylist()}
    assert captions == {
        "A boat, ask [email] or [phone] about it",
        "write to [email]",
        "A lake, [phone]",
        "A tree on a hill",
    }


def test_what_came_of_a_picture_stands_in_its_row(out):
    rows = pq.read_table(next((out / "shards").glob("*.parquet"))).to_pylist()
    had = [row for row in rows if row["status"] == "success"]
    assert {(row["original_format"], row["animated"], row["alpha"]) for row in had} == {("png", False, False)}
    assert {row["original_format"] for row in rows if row["status"] != "success"} == {None}
