"""`wit eval`: what is typed is measured, and what is wrong one sentence."""

import json
import re
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from tests.cli.processes import environment, on_terminal
from tests.evaluate.folders import benchmark, folders, saved
from tests.model import tiny
from wit_builder.cli import evaluated

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two sets."""
    folder = tmp_path_factory.mktemp("typed")
    folders(folder / "photos", per_class=12)
    benchmark(folder / "wds", per_class=3)
    return folder


def typed(folder, *more, **options):
    """What is typed for the tiny model and a set in the folder."""
    model, checkpoint = tiny.files()
    values = {
        "model": model,
        "checkpoint": checkpoint,
        "eval-set": folder / "photos",
        "cache": folder / "cache",
    }
    values |= {"precision": "fp32"} | options
    return ["eval", *(str(w) for name, value in values.items() for w in (f"--{name}", value)), *more]


def test_a_line_for_each_set_and_task_with_its_intervals(wit, folder, tmp_path):
    said = wit(
        *typed(folder, "--eval-set", folder / "wds", out=tmp_path / "out", tasks="zero-shot,prompt-ablation")
    )
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "photos zero-shot",
        "photos prompt-ablation",
        "wds zero-shot",
        "wds prompt-ablation",
    ]
    share = r"[\d.]+% \(99.5%: [\d.]+% to [\d.]+%\)"
    assert re.match(rf"photos zero-shot: acc1 {share}, acc5 {share}, .*; 72 images, chance 16.7%$", lines[0])
    page = tmp_path / "out" / "report.html"
    assert said.err.splitlines() == ["photos: 72 images", "wds: 18 images", f"pictures: {page}"]
    assert "photos, prompt-ablation" in page.read_text()
    assert json.loads((tmp_path / "out" / "results.json").read_text())["model"]["precision"] == "fp32"


def test_quiet_says_the_results_alone(wit, folder, tmp_path):
    assert wit(*typed(folder, "--quiet", out=tmp_path / "out")).err == ""


def test_two_ranks_leave_the_files_of_one(wit, folder, tmp_path):
    assert wit(*typed(folder, out=tmp_path / "one", cache=tmp_path / "a", precision="bf16")).code == 0
    words = typed(folder, out=tmp_path / "two", cache=tmp_path / "b", precision="bf16")
    done = subprocess.run(
        [*TORCHRUN, "-m", "wit_builder", *words],
        capture_output=True,
        text=True,
        env=environment(OMP_NUM_THREADS="1"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("photos zero-shot") == 1
    for name in (
        "results.json",
        "results.jsonl",
        "photos/zero-shot.json",
        "clip_benchmark/photos_zero-shot.json",
    ):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    rows = [
        pq.read_table(tmp_path / way / "photos" / "predictions-zero-shot.parquet") for way in ("one", "two")
    ]
    assert rows[0] == rows[1]
    kept = [sorted((tmp_path / way).glob("*/images.npy")) for way in ("a", "b")]
    assert kept[0][0].read_bytes() == kept[1][0].read_bytes()


def test_what_is_wrong_is_said_once_by_two_ranks(folder, tmp_path):
    done = subprocess.run(
        [*TORCHRUN, "-m", "wit_builder", *typed(folder, out=tmp_path / "out", tasks="zeroshot")],
        capture_output=True,
        text=True,
        env=environment(OMP_NUM_THREADS="1"),
    )
    assert done.returncode == 1  # torchrun's own
    assert done.stderr.count("error: no task is called 'zeroshot'") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "ViT-B-23"}, "open_clip has no model 'ViT-B-23'"),
        ({"checkpoint": "nowhere.pt"}, "'nowhere.pt' cannot be read: No such file"),
        ({"eval-set": "nowhere"}, "the evaluation set 'nowhere' is no folder"),
        ({"tasks": "zero-shot,few"}, "no task is called 'few'"),
    ],
)
def test_a_wrong_word_is_one_sentence_and_nothing_is_written(wit, folder, tmp_path, change, said):
    found = wit(*typed(folder, **({"out": tmp_path / "out"} | change)))
    assert (found.code, found.out) == (2, "")
    assert f"error: {said}" in found.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["model", "checkpoint", "eval-set", "out"])
def test_what_must_be_given_is_named(wit, folder, tmp_path, name):
    words = typed(folder, out=tmp_path / "out")
    at = words.index(f"--{name}")
    found = wit(*words[:at], *words[at + 2 :])
    assert (found.code, found.err) == (2, f"error: --{name} is not given\n\nhint: wit eval --help\n")


def test_another_checkpoint_wants_another_folder(wit, folder, tmp_path):
    wit(*typed(folder, out=tmp_path / "out"))
    model, checkpoint = saved(tmp_path, seed=3)
    found = wit(*typed(folder, out=tmp_path / "out", model=model, checkpoint=checkpoint))
    assert found.code == 2
    assert "holds results of another run" in found.err
    assert "hint: another --out" in found.err


def test_a_terminal_shows_a_bar_and_keeps_the_results(folder, tmp_path):
    written, code = on_terminal(*typed(folder, out=tmp_path / "out", cache=tmp_path / "cache"))
    assert code == 0
    assert "photos" in written
    assert "72 of 72" in written.replace("\x1b", "")


def test_lines_name_no_speed_before_the_first_image(capsys):
    now = iter([0.0, 12.0, 12.0])
    lines = evaluated.Lines(now=lambda: next(now))
    lines.begin("cifar10", 1000)
    lines.done(0)
    assert capsys.readouterr().err.splitlines() == ["cifar10: 1,000 images", "cifar10: 0 of 1,000 images"]


def test_lines_in_a_pipe_say_how_long_it_takes(capsys):
    now = iter([0.0, 4.0, 12.0, 12.0, 12.0, 13.0])
    lines = evaluated.Lines(now=lambda: next(now))
    lines.begin("cifar10", 1000)
    lines.done(100)
    lines.done(600)
    lines.done(700)
    assert capsys.readouterr().err.splitlines() == [
        "cifar10: 1,000 images",
        "cifar10: 600 of 1,000 images, 50 images/s, about 0:08 left",
    ]
