"""A list through the whole road, on a web that answers as it is told."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import builds
from tests.builds import GOOD, SUBJECTS, image_url, run
from tests.journeys.folders import kept, lost, tars, wit
from tests.lists.reading import parquet, write
from tests.site.told import told
from wit_builder import ledger, retry
from wit_builder.engine.local import LocalExecutor
from wit_builder.errors import BuildError, ConfigError
from wit_builder.lists import plan as plan_
from wit_builder.lists.carried import schema_of
from wit_builder.lists.collect import CARRIED
from wit_builder.lists.settings import UrlList
from wit_builder.road import STAGES, Road

ROWS = [
    {"URL": image_url(n), "TEXT": f"A picture of a {subject}", "width": n, "score": n / 8}
    for n, subject in enumerate(SUBJECTS)
] + [
    {"URL": None, "TEXT": "no address", "width": 1, "score": None},
    {"URL": "nowhere", "TEXT": "no address", "width": 1, "score": None},
    {"URL": image_url(0), "TEXT": "A picture of a boat", "width": 0, "score": 0.0},
]


@pytest.fixture(scope="module")
def web():
    with told() as told_web:
        builds.tell(told_web)
        yield told_web


def recipe(*files, **more):
    return builds.recipe(source=UrlList(files=tuple(map(str, files)), **more))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def halves(tmp_path, monkeypatch):
    """The list in two files of two tasks each."""
    monkeypatch.setattr(plan_, "ROWS_PER_TASK", 4)
    folder = tmp_path / "list"
    folder.mkdir()
    for name, rows in (("a", ROWS[:8]), ("b", ROWS[8:])):
        parquet(folder / f"{name}.parquet", rows, row_group_size=4)
    return folder


@pytest.fixture(scope="module")
def finished(web, tmp_path_factory):
    """A complete build of the list; copy it before you change it."""
    folder = tmp_path_factory.mktemp("finished")
    run(folder / "out", web.connect_to, recipe(parquet(folder / "list.parquet", ROWS)))
    return folder / "out"


def test_every_row_is_in_a_shard_or_in_the_ledger(finished):
    pairs = {(row["URL"], row["TEXT"]) for row in ROWS[:8]}  # one of them is a copy of another
    assert len(kept(finished)) == GOOD
    assert set(kept(finished)) < pairs
    assert sorted(reason for _, reason, _, _ in lost(finished)) == [
        "bad_url", "duplicate_image", "duplicate_pair", "http_404", "http_500", "http_500", "no_url", "not_image",
    ]  # fmt: skip
    assert json.loads((finished / "funnel.json").read_text())["extract"]["seen"] == len(ROWS)


def test_what_a_candidate_carries_is_there_to_the_end(finished):
    rows = pq.read_table(finished / "candidates").to_pylist()
    carried = {row["url"]: json.loads(row["extra"]) for row in rows}
    assert carried[image_url(3)] == {"input_width": 3, "score": 3 / 8}


def test_samples_carry_it_too_and_the_shard_writer_is_told_its_types(halves, out, web):
    run(out, web.connect_to, recipe(halves), until="clean")
    road = Road(recipe(halves), out / "work", LocalExecutor(1), builds.Silent())
    for stage in STAGES:
        getattr(road, stage)()
    samples = [
        row for path in road.files("clean-exact", "samples") for row in pq.read_table(path).to_pylist()
    ]
    assert json.loads({row["url"]: row["extra"] for row in samples}[image_url(2)]) == {
        "input_width": 2,
        "score": 0.25,
    }
    assert schema_of(road._param("pack-write", "carried")) == pa.schema(
        [("input_width", pa.int64()), ("score", pa.float64())]
    )


def test_the_same_list_gives_the_same_tars(finished, out, web):
    copy = shutil.copy(finished.parent / "list.parquet", out.parent)
    run(out, web.connect_to, recipe(copy))
    assert tars(out) == tars(finished)


def unfinished(out, web, halves):
    """As a kill leaves it: of the four tasks one is done."""
    run(out, web.connect_to, recipe(halves), until="collect")
    for record in sorted((out / "work" / "collect" / "done").iterdir())[1:]:
        record.unlink()


def test_a_killed_build_goes_on_and_pieces_give_what_the_whole_gives(finished, out, web, halves):
    unfinished(out, web, halves)
    run(out, web.connect_to, recipe(halves))
    assert (kept(out), lost(out)) == (kept(finished), lost(finished))


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_a_list_that_changed_meanwhile_is_refused_by_name(out, web, halves, name):
    """a is read already, b is not, c is new."""
    unfinished(out, web, halves)
    parquet(halves / f"{name}.parquet", [*ROWS[:3], *ROWS])
    with pytest.raises(
        ConfigError, match=rf"{name}\.parquet (has changed|is new) since this build began"
    ) as refused:
        run(out, web.connect_to, recipe(halves))
    assert "put the input back" in refused.value.hint


def test_once_it_is_read_the_list_is_not_needed(out, web, halves):
    run(out, web.connect_to, recipe(halves), until="collect")
    shutil.rmtree(halves)
    funnel = run(out, web.connect_to, recipe(halves), until="select")
    assert funnel["select"].kept == len(SUBJECTS)


def test_a_list_in_another_charset_is_said_to_be_no_utf_8(out, web, tmp_path):
    file = write(tmp_path / "a.csv", f"url,text\n{image_url(1)},caf\xe9\n".encode("latin-1"))
    with pytest.raises(BuildError, match=r"bad_row \(1\); the first is a\.csv#0: not UTF-8"):
        run(out, web.connect_to, recipe(file))


def test_a_list_of_which_no_row_can_be_used_is_said_and_may_be_mended(out, web, tmp_path):
    file = write(tmp_path / "a.csv", "url,text\nnowhere,x\n,x\n,y\n")
    with pytest.raises(BuildError, match=r"not one row of .*a\.csv can be used: no_url \(2\), bad_url \(1\)"):
        run(out, web.connect_to, recipe(file))
    write(file, f"url,text\n{image_url(1)},A picture of a tree\n")
    assert run(out, web.connect_to, recipe(file), until="select")["select"].kept == 1


def test_a_list_without_captions_is_refused(out, web, tmp_path):
    file = write(tmp_path / "a.csv", f"url,words\n{image_url(1)},x\n")
    with pytest.raises(
        ConfigError, match=r"none of the columns is known to hold captions.*'url'.*words"
    ) as refused:
        run(out, web.connect_to, recipe(file))
    assert refused.value.hint == "--caption-col NAME; a list that has none is for `wit fetch`"


def test_a_recipe_put_right_may_use_the_out_that_was_named(out, web, tmp_path):
    parquet(tmp_path / "a.parquet", [{"URL": image_url(0), "words": "A picture of a boat"}])
    with pytest.raises(ConfigError, match="captions"):
        run(out, web.connect_to, recipe(tmp_path / "a.parquet"))
    assert not out.exists()
    assert run(out, web.connect_to, recipe(tmp_path / "a.parquet", caption_col="words"))["clean"].kept == 1


def test_a_column_without_a_name_is_left_out(out, web, tmp_path):
    parquet(tmp_path / "a.parquet", [{"": 1, "URL": image_url(0), "TEXT": "A picture of a boat"}])
    assert run(out, web.connect_to, recipe(tmp_path / "a.parquet"))["clean"].kept == 1


def test_what_is_retried_still_says_what_it_carries(finished, tmp_path):
    retry._pick(finished, tmp_path, ["http_500"])
    table = pq.read_table(tmp_path / "retried.parquet")
    assert sorted(json.loads(extra)["input_width"] for extra in table.column("extra").to_pylist()) == [9, 10]
    assert schema_of(table.schema.metadata[CARRIED].decode()).names == ["input_width", "score"]


# -- as it is typed


def test_it_is_built_as_typed(tmp_path):
    rows = [*ROWS[:GOOD], ROWS[-2]]
    parquet(tmp_path / "pairs.parquet", rows)
    with told() as web:
        builds.tell(web)
        done = wit(
            *(
                "build",
                "url-list",
                "--input",
                tmp_path / "pairs.parquet",
                "--url-col",
                "URL",
                "--caption-col",
                "TEXT",
            ),
            *("--out", tmp_path / "out", "--delay", "0", "--allow-network", "127.0.0.0/8", "--deadline", "1"),
            *("--connect-to", f"*=127.0.0.1:{web.port}", "--samples-per-shard", "3"),
        )
    assert done.returncode == 0, done.stderr
    assert (
        "URLs are in the column 'URL', captions in 'TEXT'; carried through: width as input_width, score"
        in done.stderr
    )
    assert len(kept(tmp_path / "out")) == GOOD
    assert len(tars(tmp_path / "out")) == 3
    assert ledger.count(tmp_path / "out")["extract"] == {"bad_url": 1}


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (("--url-col", "link"), "pairs.csv has no column 'link'; it has url, text", ""),
        (("--caption-col", "TEXT"), "pairs.csv has no column 'TEXT'; it has url, text", "--caption-col text"),
        (("--input-format", "parquet"), "pairs.csv is no readable parquet file", ""),
    ],
)
def test_what_is_wrong_with_the_list_is_said_in_a_sentence(tmp_path, words, said, hint):
    write(tmp_path / "pairs.csv", "url,text\nhttp://a.test/,x\n")
    done = wit(
        "build", "url-list", "--input", tmp_path / "pairs.csv", "--contact", "me@example.org",
        "--out", tmp_path / "out", *words,
    )  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
