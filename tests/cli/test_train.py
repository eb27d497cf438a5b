"""`wit train` and `wit export`: what is typed becomes a run, and what is wrong one sentence."""

import json
import os
import re
import signal
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.processes import environment, on_terminal, ran
from tests.model import tiny
from tests.train import batches, runs
from wit_builder import build
from wit_builder.cli import steps, trained
from wit_builder.cli.train import command
from wit_builder.train import loop
from wit_builder.train.settings import Training, preset

FAST = {"batch": 8, "epochs": 2, "warmup": 2, "precision": "fp32", "log-every": 1, "workers": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Shards, a held-out set and the JSON of a small model."""
    folder = tmp_path_factory.mktemp("typed")
    runs.pairs(folder / "shards")
    runs.classes(folder / "held")
    (folder / "model.json").write_text(json.dumps(tiny.CONFIG))
    return folder


@pytest.fixture(autouse=True)
def cache(folder, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))


def typed(folder, *more, **options):
    """What is typed for a run of six steps in the folder."""
    values = {"shards": folder / "shards", "model": folder / "model.json", **FAST, **options}
    return ["train", *(str(w) for name, value in values.items() for w in (f"--{name}", value)), *more]


def test_a_run_says_what_deviates_how_far_it_is_and_what_it_came_to(wit, folder, tmp_path):
    said = wit(*typed(folder, out=tmp_path / "out", **{"eval-set": folder / "held"}))
    assert said.code == 0, said.err
    assert re.search(r"^deviates: batch is 8, the preset of .* says 32768$", said.err, re.MULTILINE)
    assert "model.json on 24 samples, 3 steps an epoch" in said.err
    assert "from step 0 to 6, 8 samples each" in said.err
    assert re.search(r"^step 3: held: top-1 [\d.]+% \(99 %: ", said.err, re.MULTILINE)
    assert re.search(
        r"step 6 of 6: loss \d\.\d+, [\d,]+ samples/s, data wait \d+%, bound: \w+, about 0:00 left", said.err
    )
    first, score, best, checkpoint = said.out.splitlines()
    assert first == "complete at step 6 of 6"
    assert score.startswith("held: top-1 ") and score.endswith("chance 50.0%, 12 images (2 cannot be read)")
    assert best.startswith("best: step ")
    assert checkpoint == f"checkpoint: {tmp_path / 'out' / 'checkpoints' / 'epoch_2.pt'}"
    assert f"next: wit export {tmp_path / 'out' / 'checkpoints' / 'epoch_2.pt'} --out" in said.err


def test_what_it_hints_at_works(wit, folder, tmp_path):
    said = wit(*typed(folder, "--quiet", out="out", epochs=1))
    assert said.err.startswith("next: ")
    exported = wit(*said.err.split()[2:])
    assert exported.out.splitlines() == [
        "out/export/open_clip_config.json",
        "out/export/open_clip_model.safetensors",
    ]


def test_without_resume_a_run_is_not_gone_on_with(wit, folder):
    assert wit(*typed(folder, out="out", epochs=1)).code == 0
    again = wit(*typed(folder, out="out", epochs=1))
    assert (again.code, again.error) == (2, "out holds a run already")
    assert wit(*typed(folder, "--resume", out="out", epochs=1)).code == 0


def test_two_runs_do_not_write_into_one_folder(wit, folder, tmp_path):
    (tmp_path / "out").mkdir()
    with build.only_one(tmp_path / "out"):
        for more in ([], ["--resume"], ["--study", "efficiency", "--eval-set", str(folder / "held")]):
            found = wit(*typed(folder, *more, out=tmp_path / "out"))
            assert (found.code, found.error) == (
                2,
                f"another wit command is working on {str(tmp_path / 'out')!r}",
            )
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


@pytest.mark.parametrize("out", ["s3://bucket/run", ""])
def test_out_is_a_folder_of_this_machine(wit, folder, tmp_path, out):
    trained, exported = wit(*typed(folder, out=out)), wit("export", "epoch_1.pt", "--out", out)
    assert trained.error.startswith(f"--out is {out!r}, and `wit train` writes into a folder")
    assert exported.error.startswith(f"--out: {out!r} is no folder of this machine")
    assert (trained.code, exported.code) == (2, 2)
    assert list(tmp_path.iterdir()) == []


def test_check_trains_nothing(wit, folder, tmp_path):
    (tmp_path / "bad").mkdir()
    whole = (folder / "shards" / "00000.tar").read_bytes()
    (tmp_path / "bad" / "00000.tar").write_bytes(whole[:9000])
    said = wit(
        *typed(folder, "--check", shards=tmp_path / "bad", out="out", batch=2, **{"max-skipped": 0.25})
    )
    assert said.code == 0, said.err
    assert "shards: 1, 0.00 GB, " in said.out
    assert "problem: 00000.tar is cut" in said.out
    assert re.search(r"^tokens: \d+ \(a tenth below", said.out, re.MULTILINE)
    assert re.search(r"^memory: about [\d.]+ GB on each rank", said.out, re.MULTILINE)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("members", "problem", "error"),
    [
        ({"jpg": tiny.picture(1, kind="jpeg")}, "problem: 0.tar begins with no sample", "hold no sample"),
        (
            {"jpg": tiny.picture(1, kind="jpeg"), "txt": b" "},
            "passed over: no_caption 9",
            "of 9 samples that were looked at none has a caption",
        ),
        (
            {"jpg": b"none", "txt": b"a cat"},
            "problem: 0.tar: the image of 0 cannot be read",
            "of 9 samples that were looked at none has an image that can be read",
        ),
    ],
)
def test_check_says_why_nothing_can_be_used_and_fails(wit, folder, tmp_path, members, problem, error):
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for n in range(9):
            for extension, body in members.items():
                runs.add(tar, f"{n}.{extension}", body)
    said = wit(*typed(folder, "--check", shards=tmp_path / "0.tar", out="out"))
    assert said.code == 2
    assert problem in said.out
    assert error in said.error
    assert "KEY.jpg with KEY.txt" in said.hint
    assert "--check" not in said.hint


def test_what_the_index_passes_over_is_said_and_refused_where_it_is_too_much(wit, folder, tmp_path):
    """Of 20 samples two have no text: a tenth."""
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for n in range(20):
            runs.add(tar, f"{n}.jpg", tiny.picture(n, kind="jpeg"))
            runs.add(tar, f"{n}.txt" if n > 1 else f"._{n}.jpg", b"a cat")
    once = {"shards": tmp_path / "0.tar", "epochs": 1}
    said = wit(*typed(folder, out="out", **once, **{"max-skipped": 0.1}))
    assert "model.json on 18 samples" in said.err
    assert "\npassed over: other 2, no_text 2\n" in said.err
    for file in (loop.SETTINGS, loop.RESULT):
        told = json.loads((tmp_path / "out" / file).read_text())
        assert told["passed_over"] == {"no_text": 2, "other": 2}
    for more in ([], ["--check"]):
        said = wit(*typed(folder, *more, out="other", **once, **{"max-skipped": 0.09}))
        assert (said.code, said.error) == (
            2,
            "2 of 20 samples cannot be used (2 no_text), at most 9% may be",
        )


def test_check_passes_over_what_the_run_does(wit, folder, tmp_path):
    """Two samples are left out, one of them without a text; one to be left out is absent; another has no text."""
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for n in range(20):
            runs.add(tar, f"{n}.jpg", tiny.picture(n, kind="jpeg"))
            if n not in (3, 4):
                runs.add(tar, f"{n}.txt", b"a cat")
    keys = ["3", "5", "elsewhere"]
    pq.write_table(pa.table({"shard": ["0.tar"] * 3, "key": keys}), tmp_path / "exclude.parquet")
    options = {"shards": tmp_path / "0.tar", "epochs": 1, "exclude": tmp_path / "exclude.parquet"}
    ran, checked = (wit(*typed(folder, *more, out="out", **options)) for more in ([], ["--check"]))
    line = "\npassed over: excluded 2, no_text 1, absent 1\n"
    assert line in ran.err
    assert line in checked.out


@pytest.mark.parametrize("more", [[], ["--check"]])
def test_a_list_that_leaves_nothing_over_is_what_is_blamed(wit, folder, tmp_path, more):
    keys = [f"{n:09d}" for n in range(10)]
    pq.write_table(pa.table({"shard": ["00000"] * 10, "key": keys}), tmp_path / "exclude.parquet")
    options = {"shards": folder / "shards" / "00000.tar", "exclude": tmp_path / "exclude.parquet"}
    said = wit(*typed(folder, *more, out="out", **options))
    assert said.code == 2
    assert said.error.endswith("exclude.parquet leaves out 10 samples of these shards, no other can be used")
    assert said.hint.endswith("more --shards, or another --exclude FILE")


def test_a_warm_up_longer_than_the_run_is_said(wit, folder):
    for more in ([], ["--check"]):
        said = wit(*typed(folder, *more, out="long", warmup=12))
        assert said.code == 0
        assert "warm-up: 12 steps, the run has 6: the learning rate rises to the end, to 0.00025\n" in (
            said.out + said.err
        )
    assert "warm-up" not in wit(*typed(folder, "--check", out="long", warmup=5)).out


def test_pieces_that_batch_norms_see_are_said(wit, folder):
    vision = batches.RESNET["vision_cfg"] | {"image_size": 64}
    resnet = tiny.CONFIG | {"vision_cfg": vision}
    (folder / "resnet.json").write_text(json.dumps(resnet))
    line = "micro-batch: batch norms see 4 samples at a time, so the gradient is not that of 8 at once\n"
    for model, size, is_said in (("resnet", 4, True), ("resnet", 8, False), ("model", 4, False)):
        more = {"model": folder / f"{model}.json", "out": folder / f"{model}{size}", "micro-batch": size}
        assert (line in wit(*typed(folder, "--check", **more)).out) == is_said
    more = {"model": folder / "resnet.json", "out": folder / "resnet", "epochs": 1, "micro-batch": 4}
    assert line in wit(*typed(folder, **more)).err


def test_check_counts_a_network_that_ends_in_a_single_pixel(wit, folder):
    """Its last batch norm refuses one sample alone."""
    vision = batches.RESNET["vision_cfg"] | {"image_size": 32}
    (folder / "small.json").write_text(json.dumps(tiny.CONFIG | {"vision_cfg": vision}))
    said = wit(*typed(folder, "--check", out="small", model=folder / "small.json"))
    assert (said.code, "memory: about " in said.out) == (0, True)


def test_the_study_draws_three_curves(wit, folder, tmp_path):
    options = typed(folder, "--study", "efficiency", out="out", epochs=1, **{"eval-set": folder / "held"})
    said = wit(*options)
    assert said.code == 0, said.err
    lines = [json.loads(line) for line in (tmp_path / "out" / "efficiency.jsonl").read_text().splitlines()]
    names = ["Transformer Language Model", "Bag of Words Prediction", "Bag of Words Contrastive (CLIP)"]
    assert [line["objective"] for line in lines] == names
    assert [line["images_seen"] for line in lines] == [24] * 3
    assert (tmp_path / "out" / "efficiency.png").read_bytes()[:4] == b"\x89PNG"
    assert said.out.splitlines()[-1] == "out/efficiency.png"
    assert wit(*options).out == said.out  # what is finished is not done again


def test_a_signal_ends_the_study_and_not_only_one_of_the_three(wit, folder, tmp_path, monkeypatch):
    options = typed(folder, "--study", "efficiency", out="out", epochs=1, **{"eval-set": folder / "held"})
    with monkeypatch.context() as patch:
        patch.setattr(loop.heldout, "evaluate", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        said = wit(*options)
    assert (said.code, said.out) == (0, "stopped\n")
    assert said.err.splitlines()[-1] == f"go on with: wit {' '.join(options)}"
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == ["captions"]
    assert wit(*options).out.splitlines()[-1] == "out/efficiency.png"


@pytest.mark.parametrize(
    ("options", "said", "hint"),
    [
        (
            {"model": "ViT-B-33"},
            "open_clip has no model 'ViT-B-33', and none is fetched from the network",
            "ViT-B-3",
        ),
        ({"shards": "nowhere/*.tar"}, "nowhere/*.tar", ""),
        ({"batch": 1000}, "batch is 1000, the shards have 24 samples in an epoch", "--batch 24"),
        ({"samples": 100}, "--samples and --epochs both say how long to train", "give one of them"),
        ({"shards": "nowhere@0"}, "weights are (0.0,), expected numbers above 0", "--shards WORD@0.5"),
        ({"model": "/etc/passwd"}, "open_clip has no model '/etc/passwd'", "or the path of its"),
        ({"lr": 0}, "lr is 0.0, expected 1e-12 to 10", ""),
        (
            {"init": "nothing.pt"},
            "'nothing.pt' cannot be read: No such file or directory",
            "a checkpoint that you have",
        ),
        ({"eval-set": "nowhere"}, "the evaluation set 'nowhere' is no folder", "`wit eval sets`"),
        ({"exclude": "nothing.parquet"}, "nothing.parquet", ""),
        (
            {"study": "efficiency"},
            "the study measures zero-shot accuracy, and no held-out set is given",
            "--eval-set",
        ),
        ({"objective": "words", "text-encoder": "cbow"}, "the objective 'words' has no text encoder", ""),
        ({"patch-dropout": 2}, "patch_dropout is 2.0, expected 0 to 0.99", ""),
        ({"wandb": "mine"}, "wandb is not installed", "pip install 'wit-builder[wandb]'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_one_sentence_before_anything_starts(wit, folder, tmp_path, options, said, hint):
    found = wit(*typed(folder, out="out", **options))
    assert found.code == 2
    assert said in found.error
    assert hint in found.hint
    assert "Traceback" not in found.err
    assert not (tmp_path / "out" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"eval-set": "nowhere"}, "the evaluation set 'nowhere' is no folder"),
        ({"wandb": "mine"}, "wandb is not installed"),
    ],
)
def test_check_looks_at_what_a_run_would_need_besides(wit, folder, options, said):
    found = wit(*typed(folder, "--check", out="out", **options))
    assert (found.code, found.out) == (2, "")
    assert said in found.error


def test_a_score_of_an_earlier_step_says_of_which(wit, folder):
    judged = ["--eval-set", str(folder / "held")]
    wit(*typed(folder, *judged, out="earlier", epochs=2, **{"eval-every": 2, "save-every": 2}))
    for checkpoint in (Path("earlier") / "checkpoints").iterdir():
        if checkpoint.name != "step_4.pt":
            checkpoint.unlink()
    said = wit(*typed(folder, "--resume", out="earlier", epochs=2))
    first, score = said.out.splitlines()[:2]
    assert first == "complete at step 6 of 6"
    assert re.match(r"held: top-1 .*12 images \(2 cannot be read\), at step 4$", score)


def test_two_sets_of_one_name_are_refused_by_the_run_and_by_check(wit, folder):
    for more in ([], ["--check"]):
        options = ["--eval-set", str(folder / "held"), "--eval-set", str(folder / "held")]
        said = wit(*typed(folder, *more, *options, out="twice"))
        assert (said.code, said.out) == (2, "")
        assert said.error.startswith("two held-out sets are called 'held'")


def test_options_are_named_as_settings_are():
    """Each is one of a run's, or of its data and output."""
    known = {
        *Training.__slots__,
        "shards",
        "exclude",
        "workers",
        "fsdp",
        "out",
        "resume",
        "eval_set",
        "eval_every",
    }
    known |= {
        "save_every",
        "log_every",
        "keep",
        "keep_every",
        "tensorboard",
        "wandb",
        "quiet",
        "check",
        "study",
    }
    assert {param.name for param in command.params} - known == set()


def test_without_options_a_run_is_the_preset(tmp_path):
    values = {param.name: None for param in command.params}
    found = trained.settings(values | {"model": "ViT-L/14", "shards": ("a", "b@0.5")})
    assert (found.sources, found.weights) == (("a", "b"), (1.0, 0.5))
    assert found.batch == 32_768
    assert found.lr == preset("ViT-L-14").lr == 4e-4


def test_tensorboard_gets_the_numbers(wit, folder, tmp_path):
    board = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    assert wit(*typed(folder, "--tensorboard", out="out", **{"eval-set": folder / "held"})).code == 0
    found = board.EventAccumulator(str(tmp_path / "out" / "tensorboard"))
    found.Reload()
    assert {"train/loss", "train/lr", "held/top1"} <= set(found.Tags()["scalars"])
    assert [point.step for point in found.Scalars("train/loss")] == list(range(1, 7))


def test_weights_and_biases_gets_them_too(wit, folder, monkeypatch, tmp_path):
    class Fake:
        runs, lines = [], []

        def init(self, **values):
            self.runs.append(values)
            return self

        def log(self, values, step):
            self.lines.append((step, values))

    fake = Fake()
    monkeypatch.setitem(__import__("sys").modules, "wandb", fake)
    assert wit(*typed(folder, out="out", wandb="mine", epochs=1)).code == 0
    assert [(run["project"], run["name"], run["config"]["batch"]) for run in fake.runs] == [
        ("mine", "out", 8)
    ]
    assert [step for step, _ in fake.lines] == [1, 2, 3]
    assert all(values["train/loss"] > 0 for _, values in fake.lines)


def test_on_a_terminal_a_bar_grows(folder, tmp_path):
    written, code = on_terminal(
        *typed(folder, out=tmp_path / "out"), XDG_CACHE_HOME=str(folder / "cache"), OMP_NUM_THREADS="1"
    )
    assert code == 0, written
    assert "6 of 6" in written
    assert "complete at step 6 of 6" in written


def test_help_needs_no_torch_installed(tmp_path):
    """A torch that cannot be imported stands in its way."""
    (tmp_path / "torch.py").write_text("raise ImportError('torch')")
    said = ran("train", "--help", PYTHONPATH=f"{tmp_path}:{environment()['PYTHONPATH']}")
    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.parametrize(("step", "loss", "said"), [(5, None, "loss not finite"), (5, 1.23456, "loss 1.235")])
def test_a_state_says_skipped_samples_by_reason(step, loss, said):
    told = {"step": step, "loss": loss, "samples_per_s": 10, "data_wait": 0.25, "bound": "data"}
    found = steps.state(told | {"skipped": {"not_image": 2}}, 10, 4)
    assert found == f"{said}, 10 samples/s, data wait 25%, bound: data, about 0:02 left, skipped not_image 2"


def test_export_of_what_is_none_is_one_sentence(wit, tmp_path):
    found = wit("export", "nothing.pt", "--out", "x")
    assert (found.code, found.error) == (2, "there is no checkpoint 'nothing.pt'")
