"""Audits from start to end, of shards and sets whose copies are known."""

import hashlib
import os
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.audit import folders
from tests.audit.folders import audited, held, jpeg, picture, rows, shards, states, told, turned
from tests.cli.processes import ROOT, environment
from tests.evalset import made
from tests.images.pictures import encoded
from wit_builder import build
from wit_builder.audit import run, stages
from wit_builder.audit.asked import DETECTORS
from wit_builder.audit.held import opened
from wit_builder.errors import BuildError, ConfigError
from wit_builder.shardset import exclude, sources
from wit_builder.shardset.cache import Cache

FETCHED = encoded(picture(2), "PNG")  # what was fetched of sample 2, of which the shard holds a JPEG
SET = [
    jpeg(0),  # the bytes of sample 0
    encoded(picture(1), "BMP"),  # its pixels
    FETCHED,
    turned(3),
    turned(4, Image.Transpose.TRANSVERSE),
    jpeg(50),  # in no shard
    b"no image",
    encoded(Image.new("RGB", (64, 64), (9, 9, 9)), "PNG"),
    jpeg(51),
]


def sample(n):
    return encoded(picture(n), "PNG") if n == 1 else jpeg(n)


def said(n):

    return {"sha256": hashlib.sha256(FETCHED).hexdigest()} if n == 2 else {}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    black = encoded(Image.new("RGB", (64, 64), (8, 8, 8)), "PNG")
    shards(folder / "shards", [*(sample(n) for n in range(10)), black], said=said)
    held(folder / "mine", SET)
    held(folder / "other", [jpeg(60), jpeg(5)])
    return folder


@pytest.fixture(scope="module")
def out(world):
    return audited(world, world / "mine")


def test_each_image_is_what_it_is(out):
    assert states(out) == {
        **dict.fromkeys(range(5), "overlap"),
        5: "clean",
        6: "unreadable",
        7: "constant",
        8: "clean",
    }
    (one,) = told(out)["sets"]
    assert (one["images"], one["all"], one["overlap"], one["clean"], one["share"]) == (9, 7, 5, 2, 5 / 7)
    assert (one["unreadable"], one["degenerate"]) == (1, {"constant": 1, "tiny": 0, "placeholder": 0})
    assert one["found"] == {"sha256": 2, "pixels": 2, "pdq": 5}


def test_each_detector_says_what_it_found(out):
    found = {(r["eval_id"], r["detector"], r["key"], r["turn"]) for r in rows(out) if r["overlap"]}
    assert ("thing/0.jpg", "sha256", "000000", None) in found
    assert ("thing/2.jpg", "sha256", "000002", None) in found
    assert ("thing/1.jpg", "pixels", "000001", None) in found
    assert ("thing/3.jpg", "pdq", "000003", 3) in found


def test_pairs_have_what_a_gallery_shows(out):
    row = next(row for row in rows(out) if row["eval_id"] == "thing/3.jpg")
    assert (row["url"], row["caption"], row["shard"]) == ("http://a.test/3.jpg", "picture 3", "00000.tar")
    assert 0.87 < row["similarity"] <= 1 and row["rank"] == 0


def test_the_samples_to_leave_out_are_those_and_training_takes_the_file(world, out):
    assert [row["key"] for row in rows(out, run.EXCLUDE)] == [f"{n:06d}" for n in range(5)]
    found = sources.shards(
        [str(world / "shards")], Cache(world / "cache"), exclude.read(str(out / run.EXCLUDE))
    )
    assert [shard.samples for shard in found] == [0, 3, 3]


def test_every_near_sample_is_left_out_however_few_neighbours_are_kept(world, tmp_path):
    shards(tmp_path / "shards", [jpeg(0, quality) for quality in (60, 70, 80, 85, 95)])
    out = audited(tmp_path, world / "mine", neighbours=2)
    assert len([row for row in rows(out) if row["detector"] == "pdq"]) == 2
    assert len(rows(out, run.EXCLUDE)) == 5


def test_detectors_stand_in_the_report_with_their_hashes(out):
    known = {one["id"]: (len(one["sha256"]), one["kind"]) for one in told(out)["detectors"]}
    assert known == {"sha256": (64, "key"), "pixels": (64, "key"), "pdq": (64, "hash256")}


def test_several_sets_in_one_pass_are_what_each_is_alone(world, out):
    both = audited(world, world / "mine", world / "other", out="both")
    assert told(both)["sets"][0] == told(out)["sets"][0]
    assert [row for row in rows(both) if row["eval_set"] == "mine"] == rows(out)
    assert [one["overlap"] for one in told(both)["sets"]] == [5, 1]


def test_what_was_made_of_the_shards_lies_beside_them(world, out):
    found = sorted(path.name.partition("-")[0] for path in (world / "shards" / ".audit").iterdir())
    assert found == [f"0000{n}.{name}" for n in range(3) for name in ("pdq", "sha256")]


def test_any_number_of_workers_gives_the_same_files(world, out):
    again = audited(world, world / "mine", out="again", workers=3, cache=world / "own")
    for name in (run.FILE, run.PAIRS, run.IMAGES, run.EXCLUDE):
        assert (again / name).read_bytes() == (out / name).read_bytes()


def test_a_threshold_of_a_set_is_its_own(world):
    everyone = {"thresholds": (("", "pdq", 1.0), ("other", "pdq", 0.5))}
    out = audited(world, world / "mine", world / "other", out="strict", **everyone)
    assert [one["thresholds"]["pdq"] for one in told(out)["sets"]] == [1.0, 0.5]
    assert [row["overlap"] for row in rows(out) if row["eval_id"] == "thing/3.jpg"] == [False]
    assert told(out)["sets"][1]["overlap"] == 2


def test_a_detector_of_vectors_takes_its_place_beside_the_others(world):
    detectors = (*DETECTORS, folders.Colours())
    out = audited(world, world / "mine", out="vectors", detectors=detectors)
    found = {
        int(row["eval_id"][6:-4]) for row in rows(out) if row["detector"] == "colours" and row["overlap"]
    }
    assert found == {0, 1, 2}  # and not 3 and 4, which are turned
    assert told(out)["detectors"][-1]["id"] == "colours"
    assert told(out)["unreadable"] == {"sha256": 0, "pdq": 0, "colours": 0}


def test_a_shard_that_changed_meanwhile_ends_the_audit(world, tmp_path, monkeypatch):
    """Between the search and the reading of what was found."""
    shards(tmp_path / "shards", [jpeg(0), jpeg(1)])
    cut = stages.groups
    changed = lambda counts: shards(tmp_path / "shards", [jpeg(9), jpeg(8)]) and cut(counts)  # noqa: E731
    monkeypatch.setattr(stages, "groups", changed)
    with pytest.raises(BuildError, match="changed while it was audited"):
        audited(tmp_path, world / "mine")


def test_a_set_that_is_the_training_set_is_all_overlap(tmp_path):
    bodies = [*(jpeg(n) for n in range(4)), encoded(Image.new("RGB", (64, 64)), "PNG"), b"no image"]
    shards(tmp_path / "shards", bodies)
    out = audited(tmp_path, held(tmp_path / "same", bodies))
    (one,) = told(out)["sets"]
    assert (one["overlap"], one["clean"], one["share"]) == (6, 0, 1.0)
    assert len(rows(out, run.EXCLUDE)) == 6


def test_no_overlap_is_a_result(tmp_path):
    shards(tmp_path / "shards", [jpeg(n) for n in range(3)])
    out = audited(tmp_path, held(tmp_path / "far", [jpeg(n) for n in range(70, 73)]))
    (one,) = told(out)["sets"]
    assert (one["overlap"], one["clean"], one["share"]) == (0, 3, 0.0)
    assert rows(out) == rows(out, run.EXCLUDE) == []


def test_a_picture_that_a_set_has_again_and_again_is_a_placeholder(tmp_path):
    shards(tmp_path / "shards", [jpeg(0, 70), jpeg(1, 70)])
    out = audited(tmp_path, held(tmp_path / "sets", [jpeg(0)] * 4 + [jpeg(1)] * 3))
    assert list(states(out).values()) == ["placeholder"] * 4 + ["overlap"] * 3


def test_a_folder_that_holds_another_audit_is_refused(world, out):
    assert run.start(folders.asked(world, world / "mine"), out)
    with pytest.raises(ConfigError, match="holds another audit: neighbours"):
        run.start(folders.asked(world, world / "mine", neighbours=3), out)
    with pytest.raises(ConfigError, match="is not empty and holds no audit"):
        run.start(folders.asked(world, world / "mine"), world)


def test_other_thresholds_write_it_anew(tmp_path):
    shards(tmp_path / "shards", [jpeg(n) for n in range(3)])
    held(tmp_path / "far", [jpeg(n) for n in range(70, 73)])
    out = audited(tmp_path, tmp_path / "far")
    lower = folders.asked(tmp_path, tmp_path / "far", thresholds=(("", "pdq", 0.0),))
    assert not run.start(lower, out)
    assert not run.start(lower, out)  # begun, and not finished
    audited(tmp_path, tmp_path / "far", thresholds=lower.thresholds)
    assert told(out)["sets"][0]["thresholds"]["pdq"] == 0.0
    assert run.start(lower, out)


def test_shards_that_changed_since_are_audited_anew_though_their_manifest_did_not(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_ENDS", 512)  # bytes by which a tar without a manifest is known
    folder = shards(tmp_path / "shards", [jpeg(n) for n in range(3)])
    mine = held(tmp_path / "mine", [jpeg(1)])
    out = audited(tmp_path, mine)
    assert told(out)["sets"][0]["overlap"] == 1
    (tar,) = folder.glob("*.tar")
    tar.write_bytes(tar.read_bytes().replace(jpeg(1), bytes(len(jpeg(1)))))
    assert not run.start(folders.asked(tmp_path, mine), out)
    audited(tmp_path, mine)
    assert told(out)["sets"][0]["overlap"] == 0
    assert run.start(folders.asked(tmp_path, mine), out)


def test_the_same_images_under_other_labels_are_audited_anew(tmp_path):
    shards(tmp_path / "shards", [jpeg(0)])
    mine = made.beside(tmp_path / "mine", ["cat", "dog"])
    for labels in ([0, 1], [1, 0]):
        made.benchmark(mine, labels)
        opened.cache_clear()  # another process has read nothing yet
        assert not run.start(folders.asked(tmp_path, mine), tmp_path / "audit")
        out = audited(tmp_path, mine)
        assert [row["label"] for row in rows(out, run.IMAGES)] == labels
        assert run.start(folders.asked(tmp_path, mine), out)


@pytest.mark.parametrize(
    ("thresholds", "said"),
    [
        ((("", "sha256", 0.9),), "detectors with one are pdq"),
        ((("cifar", "pdq", 0.9),), "sets are mine"),
        ((("", "pdq", 31.0),), "a similarity is 0 to 1"),
    ],
)
def test_a_threshold_of_nothing_is_refused(world, thresholds, said):
    with pytest.raises(ConfigError, match=said):
        folders.asked(world, world / "mine", thresholds=thresholds)


def test_two_sets_of_one_name_are_refused(world, tmp_path):
    with pytest.raises(ConfigError, match="two evaluation sets are called mine"):
        folders.asked(world, world / "mine", held(tmp_path / "mine", SET[:1]))


@pytest.mark.parametrize("stage", ["hash", "canaries", "matched"])
def test_killed_anywhere_the_same_command_gives_the_same_files(world, out, tmp_path, stage):
    shards(
        tmp_path / "shards",
        [*(sample(n) for n in range(10)), encoded(Image.new("RGB", (64, 64)), "PNG")],
        said=said,
    )
    typed = [
        sys.executable,
        "-m",
        "wit_builder",
        "audit",
        "--shards",
        tmp_path / "shards",
        "--out",
        tmp_path / "out",
    ]
    typed += ["--eval-set", world / "mine", "--quiet"]
    first = subprocess.Popen(list(map(str, typed)), cwd=ROOT, env=environment(), stdout=subprocess.PIPE)
    plan = tmp_path / "out" / "work" / stage / "plan.json"
    deadline = time.monotonic() + 60
    while not plan.exists() and first.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    assert (
        subprocess.run(list(map(str, typed)), cwd=ROOT, env=environment(), capture_output=True).returncode
        == 0
    )
    for name in (run.PAIRS, run.IMAGES, run.EXCLUDE):
        assert pq.read_table(tmp_path / "out" / name).equals(pq.read_table(out / name))


def test_an_audit_that_is_being_written_is_not_begun_anew_with_other_thresholds(tmp_path):
    shards(tmp_path / "shards", [jpeg(0)])
    mine = held(tmp_path / "mine", [jpeg(0)])
    out = tmp_path / "audit"
    run.start(folders.asked(tmp_path, mine), out)
    begun = (out / "work" / run.FILE).read_bytes()
    other = folders.asked(tmp_path, mine, thresholds=(("", "pdq", 0.95),))
    with build.only_one(out), pytest.raises(ConfigError, match="another wit command is working on"):
        run.start(other, out)
    assert (out / "work" / run.FILE).read_bytes() == begun


def test_a_shard_that_ends_too_early_is_said(tmp_path):
    folder = shards(tmp_path / "shards", [jpeg(n) for n in range(3)])
    mine = held(tmp_path / "mine", [jpeg(0)])
    assert told(audited(tmp_path, mine))["cut"] == ""
    tar = folder / "00000.tar"
    tar.write_bytes(tar.read_bytes()[: tar.stat().st_size // 2])
    assert told(audited(tmp_path, mine, out="cut"))["cut"] == "00000.tar is cut: samples up to there are used"


def test_an_audit_of_which_nothing_is_done_yet_gives_way_to_another(tmp_path):
    shards(tmp_path / "shards", [jpeg(0)])
    mine, other = held(tmp_path / "mine", [jpeg(0)]), held(tmp_path / "other", [jpeg(0)])
    out = tmp_path / "audit"
    assert not run.start(folders.asked(tmp_path, mine), out)
    assert not run.start(folders.asked(tmp_path, other), out)
    done = out / "work" / "sets" / "done"
    done.mkdir(parents=True)
    (done / "00000.json").write_text("{}")
    with pytest.raises(ConfigError, match="holds another audit: sets"):
        run.start(folders.asked(tmp_path, mine), out)
