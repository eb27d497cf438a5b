import json
import shutil
import socket
import subprocess
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from tests import builds
from tests.builds import GOOD, SEED, Killed, Silent, recipe, run, tell
from tests.journeys.folders import kept, lost, tars
from tests.site.told import Say, told
from wit_builder import build, publish
from wit_builder.cli import wit
from wit_builder.crawl.settings import Crawl
from wit_builder.demo_web.settings import DemoWeb
from wit_builder.engine.local import LocalExecutor
from wit_builder.errors import BuildError, ConfigError
from wit_builder.queries.settings import Queries
from wit_builder.road import STAGES, Road, _groups, _number_of, _sized
from wit_builder.shards import manifest
from wit_builder.shards.writer import ShardSpec


@pytest.fixture(scope="module")
def web():
    with told() as told_web:
        builds.tell(told_web)
        yield told_web


@pytest.fixture(scope="module")
def finished():
    """A complete build; copy it before you change it."""
    return builds.finished()


@pytest.fixture(scope="module")
def cleaned(web, tmp_path_factory):
    """A build that stopped before it was packed; copy it before you change it."""
    out = tmp_path_factory.mktemp("cleaned") / "out"
    run(out, web.connect_to, until="clean")
    return out


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def same(out, other):
    return (tars(out), lost(out)) == (tars(other), lost(other))


def test_every_image_is_in_a_shard_or_in_the_ledger(finished):
    reasons = sorted(reason for _, reason, _, _ in lost(finished))
    assert len(kept(finished)) == GOOD
    assert reasons == ["duplicate_image", "http_404", "http_500", "http_500", "not_image"]


def test_a_finished_build_has_what_the_format_says_and_nothing_else(finished):
    names = {path.name for path in finished.iterdir() if not path.name.startswith(".")}
    assert names == {"build.json", "funnel.json", "candidates", "ledger", "shards", "manifest", "README.md"}
    assert len(tars(finished)) == 3


def test_the_card_has_the_name_of_the_data_set(finished):
    assert 'pretty_name: "tiny"' in (finished / "README.md").read_text()


def test_the_card_names_the_command_that_was_given(finished):
    assert "wit build ./tiny.py" in (finished / "README.md").read_text()


def test_what_hosts_asked_the_crawl_for_holds_in_the_fetch(out):
    slow, busy = "http://slow.test/", "http://busy.test/"
    with told() as web:
        for seed in (slow, busy):
            web.page(seed, {f"{seed}pictures/1.png": "A picture of a boat"})
        rules = b"User-agent: *\nCrawl-delay: 3\nDisallow: /pictures"
        web.answers[f"{slow}robots.txt"] = Say(rules, type="text/plain")
        web.answers[busy] = Say(web.answers[busy].body + b"<a href=/last>", type="text/html")
        web.answers[f"{busy}last"] = Say(status=429, headers=(("Retry-After", "4"),))
        run(out, web.connect_to, recipe(source=Crawl(seeds=(slow, busy))), until="fetch")
    times = {host: [at for at, name, _ in web.log if name == host] for host in ("slow.test", "busy.test")}
    assert min(after - before for before, after in pairwise(times["slow.test"])) > 2.7
    told_at = next(at for at, _, url in web.log if url == f"{busy}last")
    assert web.asked[-2:] == [f"{busy}last", f"{busy}pictures/1.png"]
    assert min(at for at in times["busy.test"] if at > told_at) - told_at > 3.7


# -- what is in OUT when a build begins


def test_a_complete_build_is_complete_and_its_leftover_work_goes(finished, out):
    shutil.copytree(finished, out)
    (out / "work" / "fetch").mkdir(parents=True)
    assert build.start(out, recipe(), resume=False) is True
    assert same(out, finished) and not (out / "work").exists()


def test_an_unfinished_build_needs_resume(out):
    build.start(out, recipe(), resume=False)
    with pytest.raises(ConfigError, match="holds an unfinished build") as caught:
        build.start(out, recipe(), resume=False)
    assert "--resume" in caught.value.hint
    assert build.start(out, recipe(), resume=True) is False


def test_another_recipe_is_refused_with_what_differs(out):
    build.start(out, recipe(), resume=False)
    other = recipe(shards=ShardSpec(samples_per_shard=4))
    with pytest.raises(ConfigError, match=r"shards\.samples_per_shard: 3, now 4"):
        build.start(out, other, resume=True)


def test_a_folder_with_other_things_is_refused(out):
    out.mkdir()
    (out / "thesis.doc").touch()
    with pytest.raises(ConfigError, match="is not empty and holds no build"):
        build.start(out, recipe(), resume=False)


def test_hidden_files_are_no_other_things(out):
    """The first write of build.json may have been killed."""
    out.mkdir()
    (out / ".build.json.1-0123abcd.tmp").touch()
    assert build.start(out, recipe(), resume=False) is False


@pytest.mark.parametrize("place", ["out", "out/below"])
def test_a_file_in_the_way_is_said(tmp_path, place):
    (tmp_path / "out").touch()
    with pytest.raises(ConfigError, match="cannot be a folder: there is a file in the way"):
        build.start(tmp_path / place, recipe(), resume=False)


def test_two_commands_that_begin_at_once_do_not_mix(out, monkeypatch):
    """The other one writes its build.json after we looked and before we lock."""
    other = recipe(name="other")
    asked = []

    def read_state(folder, read=publish.read_state):
        asked.append(folder)
        if len(asked) == 1:
            build.start(out, other, resume=False)
            return None
        return read(folder)

    monkeypatch.setattr(publish, "read_state", read_state)
    with pytest.raises(ConfigError, match="name: 'other', now 'tiny'"):
        build.start(out, recipe(), resume=False)


def test_while_one_command_works_another_is_refused(out):
    build.start(out, recipe(), resume=False)
    with build.only_one(out), pytest.raises(ConfigError, match="another wit command is working on"):
        run(out)


def test_where_there_are_no_locks_one_goes_on_without(out, monkeypatch):
    def no_locks(*_):
        raise OSError(95, "not supported")

    out.mkdir()
    monkeypatch.setattr(build.fcntl, "flock", no_locks)
    with build.only_one(out):
        pass


@pytest.mark.parametrize(
    ("content", "said"),
    [(b'{"recipe": {', "it is damaged"), (b"", "it is damaged"), (b"[]", "is not the build.json of a build")],
)
def test_a_damaged_build_json_is_said(out, content, said):
    out.mkdir()
    (out / "build.json").write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        build.start(out, recipe(), resume=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be opened"),
        (b"", "holds no query"),
        (b"# wit queries 1, 1 entries, sha256 0", "queries"),
    ],
)
def test_a_bad_list_of_queries_is_refused_before_anything_is_started(out, tmp_path, content, said):
    listed = tmp_path / "queries.tsv"
    if content is not None:
        listed.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        run(out, made=recipe(queries=Queries(files=(str(listed),))))
    assert not out.exists()


def test_the_list_is_read_when_the_build_begins_and_may_go_away(out, tmp_path):
    with told() as web:
        tell(web)
        listed = tmp_path / "queries.txt"
        listed.write_text("picture\nzebra\n")
        made = recipe(queries=Queries(files=(str(listed),)))
        run(out, web.connect_to, made, until="collect")
        listed.unlink()
        run(out, web.connect_to, made)
    rows = pq.read_table(out / "queries.parquet").to_pylist()
    assert [(row["entry"], row["source"], row["kept"]) for row in rows] == [
        ("picture", "queries", GOOD),
        ("zebra", "queries", 0),
    ]


def test_a_build_json_that_cannot_be_read_is_said(out):
    (out / "build.json").mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        build.start(out, recipe(), resume=True)


def test_a_clock_that_goes_backwards_changes_times_and_nothing_else(out, monkeypatch):
    build.start(out, recipe(), resume=False)
    monkeypatch.setattr(publish, "datetime", Yesterday)
    publish.write_state(out, publish.read_state(out)["recipe"], "complete")
    state = json.loads((out / "build.json").read_text())
    assert state["finished_at"] < state["started_at"]
    assert build.start(out, recipe(), resume=False) is True


class Yesterday(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime(2000, 1, 1, tzinfo=UTC)


# -- stopped and resumed


def test_stopped_after_any_stage_and_resumed_it_ends_the_same(web, finished, out):
    for stage in STAGES:
        funnel = run(out, web.connect_to, until=stage)
        assert json.loads((out / "funnel.json").read_text()) == funnel.as_json()
        assert (publish.read_state(out)["state"] == "complete") is (stage == "pack")
    assert same(out, finished)


def test_killed_at_any_step_of_the_publication_it_ends_the_same(finished, cleaned, out, monkeypatch):
    """As the stages are done, only the last steps are gone through again."""
    shutil.copytree(cleaned, out)
    killed = 0
    while not _gets_through(out, killed, monkeypatch):
        killed += 1
        if (out / "manifest" / "shards.parquet").exists():
            manifest.verify(out)
    assert killed > 20
    assert same(out, finished)


def _gets_through(out, steps, monkeypatch):
    """Whether the run got through, with so many renames before it is killed."""
    left = steps

    def mortal(rename):
        def call(self, target):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return rename(self, target)

        return call

    with monkeypatch.context() as patch:
        for name in ("rename", "replace"):
            patch.setattr(Path, name, mortal(getattr(Path, name)))
        try:
            run(out)
        except Killed:
            return False
    return True


@pytest.mark.parametrize("file", ["select-judge/plan.json", "fetch/plan.json", "fetch/done/00000.json"])
def test_what_a_loss_of_power_cut_short_is_named_and_after_the_hint_it_ends_the_same(
    web, finished, cleaned, out, file
):
    shutil.copytree(cleaned, out)
    damaged = out / "work" / file
    damaged.write_bytes(damaged.read_bytes()[:11])
    with pytest.raises(BuildError, match=f"{file} is damaged") as caught:
        run(out)
    assert caught.value.hint.startswith(f"rm {damaged}, ")
    damaged.unlink()
    run(out, web.connect_to)
    assert same(out, finished)


def test_what_killed_commands_left_is_removed(cleaned, out):
    shutil.copytree(cleaned, out)
    places = [out, out / "shards", out / "manifest", out / "work" / "fetch", out / "work" / "fetch" / "done"]
    for place in places:
        place.mkdir(exist_ok=True)
        (place / ".a.1-0123abcd.tmp").touch()
    (out / ".work.gone" / "below").mkdir(parents=True)
    run(out, until="clean")
    assert [path for path in out.rglob("*") if path.name.endswith((".tmp", ".gone"))] == []


def test_a_filter_that_fails_stops_the_build_and_says_where(cleaned, out):
    shutil.copytree(cleaned, out)
    shutil.rmtree(out / "work" / "clean-judge")
    road = Road(replace(recipe(), sample_filters=(Divides(),)), out / "work", LocalExecutor(1), Silent())
    for stage in ("collect", "select", "fetch"):
        getattr(road, stage)()
    with (
        closing(road._executor),
        pytest.raises(BuildError, match=r"stage clean-judge: task 00000 .* ZeroDivisionError") as caught,
    ):
        road.clean()
    assert "test_build.py" in Path(str(caught.value).rpartition("where: ")[2].rstrip(")")).read_text()


@dataclass(frozen=True)
class Divides:
    def __call__(self, item):
        return 1 // 0


# -- seeds that cannot be reached


def test_seeds_out_of_reach_stop_the_build_with_reasons_and_the_same_command_asks_again(web, finished, out):
    with pytest.raises(
        BuildError, match=r"no page could be read from the seeds http://site.test/: dns \(1\)"
    ) as caught:
        run(out, {"*": None})
    assert "--resume asks again" in caught.value.hint
    run(out, web.connect_to)
    assert same(out, finished)


def test_a_host_that_asked_to_be_left_alone_is_when_the_same_command_asks_again(out):
    busy = Say(status=429, headers=(("Retry-After", "3"),))
    with told() as web:
        builds.tell(web)
        web.answers[SEED] = [busy, web.answers[SEED]]
        with pytest.raises(BuildError, match=r"http_429 \(1\)"):
            run(out, web.connect_to, until="collect")
        run(out, web.connect_to, until="collect")
    told_at, next_at = [at for at, host, url in web.log if host == "site.test" and not url.endswith(".json")][
        1:3
    ]
    assert next_at - told_at > 2.7


# -- disks


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own, that can be mounted anew; skips where we may not mount."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*options, again=False):
        how = ",".join([*options, *(["remount"] if again else [])])
        command = ["mount", "-t", "tmpfs", "-o", how, "tmpfs", folder]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small disk needs root")
        return folder

    yield mount
    subprocess.run(["umount", folder], check=False, capture_output=True)


def test_a_full_disk_stops_the_build_and_with_more_room_it_ends_the_same(web, finished, disk):
    out = disk("size=64k") / "out"
    sizes, size = [], 64
    while True:
        try:
            run(out, web.connect_to)
            break
        except BuildError as error:
            assert "no space is left" in str(error) or "disk is full" in str(error)
        if (out / "manifest" / "shards.parquet").exists():
            manifest.verify(out)
        sizes.append(size)
        size += 128
        disk(f"size={size}k", again=True)
    assert len(sizes) >= 3
    assert same(out, finished)


def test_a_read_only_disk_is_said_before_anything_begins(disk):
    out = disk("size=1m") / "out"
    disk("ro", again=True)
    with pytest.raises(BuildError, match="the file system is read-only"):
        build.start(out, recipe(), resume=False)


def test_an_unfinished_build_on_a_disk_that_became_read_only_is_said(disk):
    out = disk("size=1m") / "out"
    build.start(out, recipe(), resume=False)
    disk("ro", again=True)
    with pytest.raises(BuildError, match="the file system is read-only"):
        run(out)


def test_a_complete_build_on_a_read_only_disk_is_complete(finished, disk):
    out = disk("size=10m") / "out"
    shutil.copytree(finished, out)
    disk("ro", again=True)
    assert build.start(out, recipe(), resume=False) is True


# -- what comes out


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A build of which nothing is left."""
    out = tmp_path_factory.mktemp("empty") / "out"
    with told() as web:
        web.page(builds.SEED, {builds.image_url(n): "A picture of a boat" for n in range(2)})
        run(out, web.connect_to)
    return out


def test_nothing_kept_makes_no_shard_and_a_length_of_zero(empty):
    assert tars(empty) == {}
    assert (empty / "shards" / "__len__").read_text() == "0"
    assert manifest.read_manifest(empty) == []
    assert [row[1] for row in lost(empty)] == ["http_404", "http_404"]


@pytest.mark.parametrize("command", [["show"], ["show", "--html"], ["show", "--json"], ["verify"]])
def test_every_command_takes_a_build_of_which_nothing_is_left(empty, command):
    done = CliRunner().invoke(wit, [*command, str(empty)])
    assert (done.exit_code, done.exception) == (0, None)


def test_the_card_of_nothing_says_so(empty):
    assert "0 pairs of image and text" in (empty / "README.md").read_text()


def test_more_shards_than_digits_can_number_are_said_before_one_is_written(cleaned, out):
    shutil.copytree(cleaned, out)
    with closing(LocalExecutor(1)) as executor:
        few = replace(recipe(), shards=ShardSpec(samples_per_shard=1, index_digits=1))
        road = Road(few, out / "work", executor, Silent(), first_shard=4)
        for stage in STAGES[:-1]:
            getattr(road, stage)()
        with pytest.raises(BuildError, match="11 shards cannot be numbered with 1 digits"):
            road.pack()


def test_the_demo_web_is_served_while_the_build_runs():
    demo = DemoWeb(10, exhibits=False)
    with build.web(recipe(demo_web=demo), build.Where(Path(), {"own.test": None})) as connect_to:
        assert connect_to["own.test"] is None
        host, _, port = connect_to["*.demo.test"].rpartition(":")
        socket.create_connection((host, int(port)), 5).close()


@pytest.mark.parametrize(
    ("rows", "groups"), [([], [[]]), ([200_000, 1], [["0"], ["1"]]), ([199_999, 1, 5], [["0", "1"], ["2"]])]
)
def test_files_go_into_groups_of_bounded_rows(rows, groups):
    assert _groups({str(i): n for i, n in enumerate(rows)}) == groups


@pytest.mark.parametrize(("rows", "parts"), [(0, 1), (10, 1), (11, 2)])
def test_there_is_a_part_for_every_so_many_rows(rows, parts):
    assert _number_of({"a": rows}, 10) == parts


def test_rows_are_counted_by_the_files_themselves(finished):
    files = [str(path) for path in (finished / "candidates").iterdir()]
    assert _sized(files) == {path: pq.read_table(path).num_rows for path in files}
