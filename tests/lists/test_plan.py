from contextlib import contextmanager

import pyarrow.parquet as pq
import pytest

from tests.lists.reading import ROWS, TEXTS, URLS, items, parquet, read, run, text_of, write
from wit_builder import remote
from wit_builder.errors import BuildError, ConfigError
from wit_builder.lists import collect as stage
from wit_builder.lists import plan as plan_
from wit_builder.lists.plan import check_unchanged, plan
from wit_builder.lists.settings import UrlList

PAIRS = list(zip(URLS, TEXTS, strict=True))


def of(*files, **more):
    return plan(UrlList(files=tuple(map(str, files)), **more))


def spans(made):
    return [(task["number"], task["first"], task["end"]) for task in made.tasks]


@pytest.mark.parametrize(
    ("groups", "spans_"),
    [
        ((), []),
        ((0,), []),
        ((10,), [(0, 10)]),
        ((11,), [(0, 11)]),
        ((9, 1, 1), [(0, 10), (10, 11)]),
        ((9, 5, 30, 1), [(0, 14), (14, 44), (44, 45)]),
        ((0, 10, 0), [(0, 10)]),
    ],
)
def test_tasks_end_with_row_groups(monkeypatch, groups, spans_):
    monkeypatch.setattr(plan_, "ROWS_PER_TASK", 10)
    assert list(plan_._spans(groups)) == spans_


def test_every_row_is_in_one_task(tmp_path, monkeypatch):
    monkeypatch.setattr(plan_, "ROWS_PER_TASK", 3)
    file = parquet(tmp_path / "a.parquet", ROWS, row_group_size=2)
    made = of(file)
    assert (spans(made), made.rows) == ([(0, 0, 4), (0, 4, 7)], 7)
    done = read(tmp_path, file)
    assert done.pairs == PAIRS
    assert [row["source"] for row in done.rows()] == [f"a.parquet#{n}" for n in range(7)]


def test_files_are_numbered_in_the_order_of_their_names(tmp_path):
    for name in ("b.csv", "a.csv", "c.csv"):
        write(tmp_path / name, text_of("csv"))
    made = of(tmp_path)
    assert [(task["number"], task["source"]["url"][-5:]) for task in made.tasks] == [
        (0, "a.csv"), (1, "b.csv"), (2, "c.csv"),
    ]  # fmt: skip
    assert (spans(made)[0], made.rows) == ((0, 0, None), None)
    assert [source.url[-5:] for source in made.sources] == ["a.csv", "b.csv", "c.csv"]


def test_to_plan_only_footers_of_parquet_are_read(tmp_path, monkeypatch):
    rows = [{"url": f"http://a.test/{n * 7919 % 99991}", "caption": str(n)} for n in range(200_000)]
    file = parquet(tmp_path / "a.parquet", rows, row_group_size=20_000)
    taken = []

    @contextmanager
    def opened(url, real=remote.opened):
        with real(url) as raw:
            read_ = raw.read
            monkeypatch.setattr(raw, "read", lambda n=-1: taken.append(len(d := read_(n))) or d)
            yield raw

    monkeypatch.setattr(remote, "opened", opened)
    assert of(file).rows == 200_000
    footer = pq.read_metadata(file).serialized_size
    assert sum(taken) < footer + 200_000 < file.stat().st_size / 3


# -- blocks, as `wit fetch` wants them


def blocks(done, kind="candidates"):
    return [[row["source"] for row in pq.read_table(path).to_pylist()] for path in done.paths(kind)]


@pytest.mark.parametrize("rows_per_task", [1, 2, 3, 4, 5, 7, 100])
@pytest.mark.parametrize("rows_per_part", [1, 2, 3, 7, 8])
def test_a_part_is_a_block_of_rows_wherever_tasks_end(tmp_path, monkeypatch, rows_per_task, rows_per_part):
    monkeypatch.setattr(plan_, "ROWS_PER_TASK", rows_per_task)
    for name in ("a", "b"):
        parquet(tmp_path / f"{name}.parquet", ROWS, row_group_size=1)
    done = items(tmp_path, tmp_path / "*.parquet", rows_per_part=rows_per_part)
    assert blocks(done) == [
        [f"{name}.parquet#{n}" for n in range(first, min(first + rows_per_part, 7))]
        for name in "ab"
        for first in range(0, 7, rows_per_part)
    ]


def test_every_row_is_an_item_with_the_number_that_it_has(tmp_path):
    text = "url,caption,n\nhttp://a.test/,x,1\nnowhere,y,2\nhttp://b.test/\nhttp://c.test/,,4\n,z,5\n"
    write(tmp_path / "a.csv", "url,caption,n\nhttp://a.test/,x,1\n")
    done = items(tmp_path, tmp_path / "a.csv", write(tmp_path / "b.csv", text), rows_per_part=2)
    kept, failed = done.rows(), done.rows("failures")
    assert [row["id"] for row in kept] == [f"{f:08x}{n:024x}" for f, n in ((0, 0), (1, 0), (1, 3))]
    assert [row["caption"] for row in kept] == ["x", "x", ""]
    assert [(row["id"][-1], row["reason"], row["caption"], row["extra"]) for row in failed] == [
        ("1", "bad_url", "y", '{"n":"2"}'),
        ("2", "bad_row", "", ""),
        ("4", "no_url", "z", '{"n":"5"}'),
    ]
    assert [len(blocks(done, kind)) for kind in ("candidates", "failures")] == [4, 4]
    assert done.funnel["extract"].seen == 6


def test_how_many_rows_a_file_has_is_handed_on(tmp_path, monkeypatch):
    monkeypatch.setattr(plan_, "ROWS_PER_TASK", 3)
    parquet(tmp_path / "a.parquet", ROWS, row_group_size=2)
    write(tmp_path / "b.jsonl", text_of("jsonl"))
    for file in ("a.parquet", "b.jsonl"):
        done = items(tmp_path, tmp_path / file)
        counts = [stage.storage.orjson.loads(path.read_bytes()) for path in done.paths("counts")]
        assert max(count["rows"] for count in counts) == 7
        assert {count["file"] for count in counts} == {str(tmp_path / file)}


# -- the same files


def change(path):
    path.write_bytes(path.read_bytes() + b"\n")


def test_files_that_are_the_same_are_not_refused(tmp_path):
    urls = UrlList(files=(str(tmp_path),))
    write(tmp_path / "a.csv", text_of("csv"))
    check_unchanged(urls, plan(urls).sources)


@pytest.mark.parametrize(
    ("touch", "said"),
    [
        (lambda folder: change(folder / "a.csv"), "a.csv has changed since this build began"),
        (lambda folder: (folder / "a.csv").unlink(), "a.csv is gone since this build began"),
        (lambda folder: write(folder / "c.csv", "x"), "c.csv is new since this build began"),
    ],
)
def test_files_that_are_others_than_before_are_named(tmp_path, touch, said):
    urls = UrlList(files=(str(tmp_path),))
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name, text_of("csv"))
    before = plan(urls).sources
    touch(tmp_path)
    with pytest.raises(ConfigError, match=said):
        check_unchanged(urls, before)


@pytest.mark.parametrize("name", ["a.csv", "a[1].csv", "a*.csv"])
def test_a_task_refuses_a_file_that_has_changed_since_it_was_planned(tmp_path, name):
    folder = tmp_path / "lists"
    folder.mkdir()
    file = write(folder / name, text_of("csv"))
    made = of(folder)
    assert run(tmp_path, made.tasks, stage.collect, {"mask": ()}).pairs == PAIRS
    size = file.stat().st_size
    change(file)
    with pytest.raises(
        BuildError, match=f"has changed since the build began .{size} bytes then, {size + 1} now"
    ):
        run(tmp_path, made.tasks, stage.collect, {"mask": ()})
    file.unlink()
    with pytest.raises(BuildError, match="was there when the build began"):
        run(tmp_path, made.tasks, stage.collect, {"mask": ()})


def test_a_file_that_changes_while_it_is_read_fails_the_task(tmp_path, monkeypatch):
    file = write(tmp_path / "a.csv", text_of("csv"))
    made = of(file)
    real = stage.texts.read

    def read_(*arguments):
        yield from real(*arguments)
        change(file)

    monkeypatch.setattr(stage.texts, "read", read_)
    with pytest.raises(BuildError, match="has changed since the build began"):
        run(tmp_path, made.tasks, stage.collect, {"mask": ()})
