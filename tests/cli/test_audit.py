"""`wit audit` as it is typed."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.audit.folders import held, jpeg, shards, tar, told
from tests.cli import tiny_web
from tests.cli.processes import ran
from wit_builder.audit import labels
from wit_builder.cli import audit as command


@pytest.fixture
def typed(wit, tmp_path):
    """The command on a set of four images of which one is in the shards."""
    shards(tmp_path / "shards", [jpeg(n) for n in range(3)])
    held(tmp_path / "mine", [jpeg(n) for n in (2, 20, 21, 22)])
    words = [
        "audit",
        "--shards",
        tmp_path / "shards",
        "--eval-set",
        tmp_path / "mine",
        "--quiet",
        "--workers",
        1,
    ]
    return lambda *more: wit(*words, "--out", tmp_path / "out", *more)


def test_it_says_what_overlaps_and_where_the_files_are(typed):
    said = typed()
    assert (said.code, said.err) == (0, "")
    assert "1 evaluation set against 3 samples" in said.out
    assert "  mine         4         1   25.00%          1        1        1\n" in said.out
    assert "exclude.parquet (1 sample)" in said.out


@pytest.mark.parametrize(("share", "code"), [("25%", 0), ("0.25", 0), ("24.9%", 1), ("0", 1)])
def test_more_than_may_overlap_is_exit_code_1(typed, share, code):
    said = typed("--fail-above", share)
    assert said.code == code
    assert ("more than" in said.err) == bool(code)


@pytest.mark.parametrize("beside", [[], [("2.cls", b"1")], [("._2.jpg", b"mac"), ("2.txt", b"a cat")]])
def test_an_image_needs_no_caption_to_be_found(typed, tmp_path, beside):
    tar(tmp_path / "shards" / "00000.tar", [("2.jpg", jpeg(2)), *beside, ("3.txt", b"no image")])
    said = typed("--fail-above", "0")
    assert (said.code, told(tmp_path / "out")["sets"][0]["overlap"]) == (1, 1)
    passed = {"no_image": 1} | ({"other": 1} if beside else {})
    assert told(tmp_path / "out")["passed_over"] == passed
    assert f"  shards: passed over no_image 1{', other 1' if beside else ''}\n" in said.out


def test_images_of_the_shards_that_cannot_be_read_are_said(typed, tmp_path):
    tar(tmp_path / "shards" / "00000.tar", [("2.jpg", jpeg(2)), ("3.jpg", b"GIF89a")])
    assert "  shards: 1 of 2 images cannot be read by pdq\n" in typed().out


@pytest.mark.parametrize(
    ("members", "why"), [([], "they are empty"), ([("1.txt", b"a cat"), ("1.cls", b"1")], "no_image 1")]
)
def test_shards_without_an_image_are_no_clean_ones(typed, tmp_path, members, why):
    (tmp_path / "shards" / "00000.tar").unlink()
    tar(tmp_path / "shards" / "00000.tar", members)
    said = typed("--fail-above", "0")
    assert said.code == 2
    assert said.error.startswith("the shards hold no image that can be looked at: ") and why in said.error
    shards(tmp_path / "shards", [jpeg(2)])
    assert typed("--fail-above", "0").code == 1  # nothing of it is in the way


def test_results_are_looked_at_before_the_audit(typed, tmp_path):
    (tmp_path / "results").mkdir()
    said = typed("--results", tmp_path / "results")
    assert (said.code, said.error) == (
        2,
        f"{str(tmp_path / 'results')!r} holds no zero-shot predictions of the set mine",
    )
    assert [path.name for path in (tmp_path / "out").rglob("*.*") if path.name != ".lock"] == ["audit.json"]
    assert (tmp_path / "out" / "work" / "audit.json").exists()  # that which was asked, and nothing done


def test_json_is_audit_json(typed, tmp_path):
    typed()
    assert json.loads(typed("--json").out) == json.loads((tmp_path / "out" / "audit.json").read_text())


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--fail-above", "half"], "'half' is no share"),
        (["--fail-above", "101%"], "'101%' is no share"),
        (["--threshold", "0.9"], "--threshold is for ''"),
        (["--threshold", "pdq"], "--threshold 'pdq' is no [SET:]DETECTOR=SIMILARITY"),
        (["--threshold", "sha256=1"], "detectors with one are pdq"),
    ],
)
def test_an_option_that_means_nothing_is_one_sentence(typed, more, said):
    answer = typed(*more)
    assert answer.code == 2
    assert said in answer.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["audit"], "--out FOLDER"),
        (["audit", "--out", "out"], "--shards OUT/shards"),
        (["audit", "--out", "out", "--shards", "shards"], "--eval-set FOLDER"),
    ],
)
def test_what_is_missing_is_said_with_a_hint(wit, tmp_path, words, hint):
    shards(tmp_path / "shards", [jpeg(0)])
    said = wit(*words)
    assert (said.code, said.hint) == (2, hint)


def test_torch_is_not_imported(typed):
    import sys

    before = {name for name in ("torch", "scipy") if name in sys.modules}
    typed()
    assert {name for name in ("torch", "scipy") if name in sys.modules} == before


def test_a_set_may_be_a_parquet_file_or_an_address(wit, tmp_path):
    shards(tmp_path / "shards", [jpeg(n) for n in range(3)])
    pq.write_table(pa.table({"image": [jpeg(0), jpeg(20)]}), tmp_path / "mine.parquet")
    held(tmp_path / "other", [jpeg(1)])
    words = ["audit", "--shards", tmp_path / "shards", "--quiet", "--workers", 1, "--out", tmp_path / "out"]
    said = wit(*words, "--eval-set", tmp_path / "mine.parquet", "--eval-set", f"file://{tmp_path}/other")
    assert (said.code, said.err) == (0, "")
    assert re.search(r"^  mine +2 +1 ", said.out, re.MULTILINE)
    assert re.search(r"^  other +1 +1 ", said.out, re.MULTILINE)


def test_thresholds_that_labels_gave_stay_until_others_are_asked_for(typed, tmp_path):
    typed()
    pair = labels.Pair("mine", "thing/0.jpg", "00000.tar", "000002", "pdq", 0.9375)
    labels.write(tmp_path / "out", labels.Labels({pair: False}))
    typed()
    assert told(tmp_path / "out")["sets"][0]["thresholds"]["pdq"] == pytest.approx(0.9375)
    typed("--threshold", "pdq=0.9")
    assert told(tmp_path / "out")["sets"][0]["thresholds"]["pdq"] == 0.9


LISTED = """
from wit_builder.blocklist.settings import Blocklist

_everything = recipe


def recipe(seeds: tuple[str, ...], contact: str, blocklist: tuple[str, ...]) -> Recipe:
    return replace(_everything(seeds=seeds, contact=contact), blocklist=Blocklist.named(blocklist))
"""


def test_a_build_takes_what_an_audit_names_as_its_blocklist(built, tmp_path, wit):
    """The README's recipe, audited by one of the pictures as it was fetched, then built without it."""
    folder, typed, _ = built
    shards_ = folder / "my out" / "shards"
    before = set(pq.read_table(next(shards_.glob("*.parquet"))).column("url").to_pylist())
    (gone,) = [url for url in before if url.endswith("a.png")]
    hosts = tiny_web.write(tmp_path / "hosts") or tmp_path / "hosts"
    held(tmp_path / "mine", [(hosts / "site.test" / "a.png").read_bytes()])
    said = wit(
        "audit", "--shards", shards_, "--eval-set", tmp_path / "mine", "--out", tmp_path / "audit", "--quiet"
    )
    assert "exclude.parquet (1 sample)" in said.out
    listed = tmp_path / "audit" / "exclude.parquet"
    Path("mine.py").write_text((folder / "my_recipe.py").read_text() + LISTED)
    instead = {"my out": str(tmp_path / "without"), "./my_recipe.py": "./mine.py"}
    words = [instead.get(word, word) for word in typed]
    words += ["--blocklist", f"sha256:{listed}", "--blocklist", f"urls:{listed}"]
    assert ran(*words, cwd=tmp_path).returncode == 0
    kept = pq.read_table(next((tmp_path / "without" / "shards").glob("*.parquet"))).to_pylist()
    assert {row["url"] for row in kept if row["status"] == "success"} == before - {gone}


def test_a_set_of_a_shift_is_known_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert command._from_anywhere("mine@imagenet-a") == f"{tmp_path}/mine@imagenet-a"
    assert command._from_anywhere("mine") == f"{tmp_path}/mine"
    assert command._from_anywhere("wds/imagenet1k@imagenet-a") == "wds/imagenet1k@imagenet-a"
