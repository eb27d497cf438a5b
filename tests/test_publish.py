import json
import shutil

import pytest

from tests import builds
from wit_builder import ledger, publish
from wit_builder.errors import BuildError
from wit_builder.ledger import Funnel


@pytest.fixture
def out(tmp_path):
    """A copy that may be broken."""
    return shutil.copytree(builds.finished(), tmp_path / "out")


@pytest.fixture
def funnel(out):
    return Funnel.from_json(json.loads((out / "funnel.json").read_text()))


def complaint(out, funnel):
    with pytest.raises(BuildError) as caught:
        publish.check(out, funnel)
    assert "report it" in caught.value.hint
    return str(caught.value).replace(f"{out}/", "")


def test_a_whole_build_passes(out, funnel):
    publish.check(out, funnel)


def test_a_count_that_the_ledger_does_not_have_is_named(out, funnel):
    funnel["fetch"].drop("http_404")
    assert complaint(out, funnel) == "stage fetch dropped 2 items for http_404, the ledger has 1"


def test_a_reason_mistaken_for_another_is_named_though_the_totals_agree(out, funnel):
    funnel["fetch"].dropped["http_404"] -= 1
    funnel["fetch"].drop("http_410")
    assert complaint(out, funnel) == "stage fetch dropped 0 items for http_404, the ledger has 1"


def test_a_row_missing_in_the_ledger_is_named(out, funnel):
    rows = [table for stage in ("select", "fetch", "clean") for table in ledger.read(out, stage)]
    ledger.write(out, [rows[0].slice(1), *rows[1:]])
    assert "the ledger has" in complaint(out, funnel)


def test_a_row_too_many_in_a_stage_that_dropped_nothing_is_named(out, funnel):
    (row,) = [table.slice(0, 1) for table in ledger.read(out, "clean")]
    place = row.schema.get_field_index("stage")
    moved = row.set_column(place, row.schema.field(place), [["pages"]])
    rows = [table for stage in ("select", "fetch", "clean") for table in ledger.read(out, stage)]
    ledger.write(out, [*rows, moved])
    assert complaint(out, funnel) == "stage pages dropped 0 items for duplicate_image, the ledger has 1"


def test_checking_adds_no_stage_to_the_funnel(out, funnel):
    before = funnel.as_json()
    publish.check(out, funnel)
    assert funnel.as_json() == before


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("extract", "extract kept 13 items and select saw 12"),
        ("select", "extract kept 12 items and select saw 13"),
        ("fetch", "select kept 12 items and fetch saw 13"),
        ("clean", "fetch kept 8 items and clean saw 9"),
    ],
)
def test_a_stage_that_does_not_see_what_the_one_before_kept_is_named(out, funnel, stage, said):
    funnel[stage].kept += 1
    assert complaint(out, funnel) == said


def test_shards_that_hold_less_than_was_kept_are_named(out, funnel):
    for stage in ("extract", "select", "fetch", "clean"):
        funnel[stage].kept += 1
    assert complaint(out, funnel) == "clean kept 8 items and the shards hold 7"


@pytest.mark.parametrize("name", ["00001.tar", "00002.parquet", "00000_stats.json"])
def test_a_missing_file_of_a_shard_is_named(out, funnel, name):
    (out / "shards" / name).unlink()
    assert complaint(out, funnel).startswith(f"shards/{name} is missing, its manifest says ")


def test_a_shard_cut_short_is_named(out, funnel):
    tar = out / "shards" / "00001.tar"
    size = tar.stat().st_size
    tar.write_bytes(tar.read_bytes()[:-512])
    assert (
        complaint(out, funnel) == f"shards/00001.tar has {size - 512} bytes, its manifest says {size} bytes"
    )


def test_a_folder_is_cleared_with_all_that_an_earlier_clearing_left(tmp_path):
    (tmp_path / "work" / "a").mkdir(parents=True)
    (tmp_path / ".work.gone" / "b").mkdir(parents=True)
    publish.clear(tmp_path / "work")
    publish.clear(tmp_path / "work")
    assert list(tmp_path.iterdir()) == []


def test_a_card_counts_languages_and_licences_of_what_was_kept(out):
    text = (out / "README.md").read_text()
    assert "7 pairs of image and text" in text
    assert "| en | " in text
