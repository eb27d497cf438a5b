"""What `wit ablate` says."""

import json

import pytest

from tests.ablate import pools
from tests.ablate.pools import pair
from tests.cli.test_presets import points
from tests.model import tiny
from tests.train import runs
from wit_builder.ablate import trained
from wit_builder.cli import ablate
from wit_builder.cli.progress import Lines
from wit_builder.model import load
from wit_builder.train import start
from wit_builder.train.settings import Training

ROWS = [pair(1), pair(2, original_width=199), pair(3, caption="boat")]


@pytest.fixture(autouse=True)
def pool(tmp_path, monkeypatch):
    """POOL in the folder where `wit` is called, and the presets that pyproject.toml names."""
    monkeypatch.setattr(ablate, "entry_points", lambda group: points(group))
    return pools.write(tmp_path / "POOL", ROWS)


def test_it_says_what_each_preset_keeps_and_where_the_rest_is(wit, tmp_path):
    said = wit(
        "ablate", "POOL", "--preset", "obelics", "--preset", "datacomp-basic", "--out", "OUT", "--quiet"
    )
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "3 pairs of boats under 2 presets",
        "",
        "  preset                kept             most often dropped for",
        "  obelics                  3   100.0 %",
        "  datacomp-basic           1    33.3 %   caption_few_words 1, image_too_small 1",
        "",
        "  what each keeps and drops   OUT/kept, OUT/dropped",
        "  how they overlap            OUT/overlap.png",
        "  a report with examples      OUT/report.html",
    ]
    assert all(
        (tmp_path / "OUT" / name).exists() for name in ("overlap.png", "report.html", "kept", "dropped")
    )
    assert not (tmp_path / "OUT" / "work").exists()


def test_for_programs_it_is_the_json_of_out(wit, tmp_path):
    said = wit("ablate", "POOL", "--preset", "datacomp-basic", "--out", "OUT", "--json")
    assert json.loads(said.out) == json.loads((tmp_path / "OUT" / "ablation.json").read_text())
    assert all(json.loads(line) for line in said.err.splitlines())
    again = wit("ablate", "POOL", "--preset", "datacomp-basic", "--out", "OUT", "--json")
    assert again.out == said.out
    assert json.loads(again.err) == {"note": "OUT is complete already"}


def test_a_rule_that_wants_a_file_is_said_and_left_out(wit, tmp_path):
    said = wit("ablate", "POOL", "--preset", "laion-5b", "--out", "OUT")
    assert "laion-5b: without --given clip=PATH: a cosine of at least 0.28 by ViT-B-32-quickgelu" in said.err
    assert "laion-5b: 2 of 3 pairs kept" in said.err
    told = json.loads((tmp_path / "OUT" / "ablation.json").read_text())
    assert told["presets"]["laion-5b"]["missing"] == [
        "without --given clip=PATH: a cosine of at least 0.28 by ViT-B-32-quickgelu"
    ]


def test_a_file_that_is_given_brings_its_rule(wit, tmp_path):
    (tmp_path / "words.tsv").write_text(
        "".join(f"{word}\t50\n" for word in ["a", "red", "boat", "on", "calm"])
    )
    asked = [
        "ablate",
        "POOL",
        "--preset",
        "cc12m",
        "--out",
        "OUT",
        "--given",
        "vocabulary=words.tsv",
        "--json",
    ]
    dropped = json.loads(wit(*asked, "--quiet").out)["presets"]["cc12m"]["dropped"]
    assert dropped["caption_rare_word"] == 2  # "sea"


def test_a_pair_needs_one_of_the_queries(wit, tmp_path):
    (tmp_path / "queries.txt").write_text("sea\n")
    asked = [
        "ablate",
        "POOL",
        "--preset",
        "obelics",
        "--out",
        "OUT",
        "--queries",
        "queries.txt",
        "--per-query",
        1,
    ]
    assert json.loads(wit(*asked, "--json", "--quiet").out)["presets"]["obelics"]["dropped"] == {
        "no_query": 1,
        "query_full": 1,
    }


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (
            ["--preset", "cc12"],
            "no preset is called 'cc12'; installed are align, cc12m, cc3m",
            "--preset cc12m",
        ),
        (["--preset", "xyz"], "no preset is called 'xyz'", "wit filters --presets"),
        (["--preset", "wit", "--preset", "wit"], "--preset wit is given twice", "name each once"),
        (
            ["--preset", "wit", "--given", "clip=a.pt"],
            "--given clip: none of wit has a use for it",
            "they need none",
        ),
        (["--given", "clap=a.pt"], "--given 'clap=a.pt' names no file", "--given tagger=PATH"),
        (["--per-query", "5"], "--per-query is given without --queries", "--queries FILE"),
        (["--preset", "metaclip", "--queries", "none.txt"], "none.txt", ""),
        (["--eval-set", "held"], "--eval-set is given without --train, and nothing is trained", "--train"),
        (["--seeds", "3"], "--seeds is given without --train", "--train"),
        (["--train-samples", "512"], "--train-samples is given without --train", "--train"),
        (["--train"], "--train measures zero-shot accuracy, and no held-out set is given", "--eval-set"),
        (["--train", "--eval-set", "none"], "the evaluation set 'none' is no folder", "name a folder"),
        (
            ["--train", "--eval-set", "held", "--train-samples", "127"],
            "127 images are to be seen, and one batch has 128",
            "--train-samples 128",
        ),
        (["--train", "--eval-set", "held", "--seeds", "0"], "--seeds", ""),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_started(wit, tmp_path, words, error, hint):
    runs.classes(tmp_path / "held")
    said = wit("ablate", "POOL", "--out", "OUT", *words)
    assert said.code == 2
    assert error in said.error and said.hint.startswith(hint)
    assert not (tmp_path / "OUT").exists()


def test_a_pool_must_be_a_finished_build(wit, tmp_path):
    assert wit("ablate", "NONE", "--out", "OUT").error == "'NONE' holds no build"
    pools.write(tmp_path / "BEGUN", ROWS, state="started")
    assert wit("ablate", "BEGUN", "--out", "OUT").hint == "wit build ... --resume, then ablate"
    pools.write(tmp_path / "EMPTY", [])
    assert wit("ablate", "EMPTY", "--out", "OUT").error == "the build in 'EMPTY' kept no pair"
    assert wit("ablate", "s3://a/POOL", "--out", "OUT").error.startswith("s3://a/POOL is a URL")
    assert wit("ablate", "POOL").error == "`wit ablate` needs --out"


def test_a_damaged_shard_is_named(wit, tmp_path):
    tar = tmp_path / "POOL" / "shards" / "00000.tar"
    tar.write_bytes(tar.read_bytes()[:3_000])
    said = wit("ablate", "POOL", "--preset", "obelics", "--out", "OUT", "--quiet")
    assert said.code == 1
    assert "00000.tar" in said.error and "cut" in said.error


TRAIN = ("--train", "--eval-set", "held", "--train-samples", 4)


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A batch of two, a model of a few thousand weights, and a held-out set of two classes."""
    (tmp_path / "model.json").write_text(json.dumps(tiny.CONFIG))
    own = Training(str(tmp_path / "model.json"), batch=2, epochs=1, warmup=1, precision="fp32")
    monkeypatch.setattr(trained, "RECIPE", own)
    monkeypatch.setattr(start, "readers", lambda: 0)
    runs.classes(tmp_path / "held")


def test_what_a_small_clip_learns_stands_below(wit, recipe):
    said = wit(
        *("ablate", "POOL", "--preset", "obelics", "--preset", "datacomp-basic", "--out", "OUT"),
        *(*TRAIN, "--seeds", 2),
    )
    assert said.code == 0, said.err
    assert "datacomp-basic: not trained, a run takes 2 pairs and it keeps 1" in said.err
    assert "train: a small CLIP on what each keeps" in said.err
    assert "obelics, seed 1: top-1 41.7%" in said.err
    assert said.out.splitlines()[5:10] == [
        "",
        "  zero-shot on held, 12 images, chance 50.0%, of a small CLIP after 4 images",
        "  preset               top-1   deviation            95 %   by seed",
        "  obelics              41.7%        0.0%  41.7% to 41.7%   41.7%, 41.7%",
        "  datacomp-basic  not trained, it keeps 1 of the 2 pairs that a run takes",
    ]


def test_of_one_seed_no_spread_is_said(wit, recipe):
    asked = ["ablate", "POOL", "--preset", "obelics", "--out", "OUT", *TRAIN, "--seeds", 1]
    assert f"  obelics{'41.7%':>12}{'':28}   41.7%" in wit(*asked).out.splitlines()
    assert json.loads(wit(*asked, "--json").out)["trained"]["obelics"]["sd"] is None


def test_when_nothing_can_be_trained_that_is_said(wit, recipe):
    said = wit("ablate", "POOL", "--preset", "datacomp-basic", "--out", "OUT", *TRAIN)
    line = "  datacomp-basic  not trained, it keeps 1 of the 2 pairs that a run takes"
    assert line in said.out.splitlines()


def test_without_torch_nothing_is_begun(wit, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(load, "NEEDED", ("torch", "no_such_module"))
    said = wit("ablate", "POOL", "--out", "OUT", *TRAIN)
    assert (said.code, said.hint) == (2, "pip install 'wit-builder[train]'")
    assert said.error == "wit ablate --train needs torch and open_clip; not installed: no_such_module"
    assert not (tmp_path / "OUT").exists()


def test_a_stage_that_is_known_by_its_whole_name_keeps_it(capsys):
    lines = Lines(("pool", "datacomp-basic"), None)
    with lines:
        lines.stage("datacomp-basic", 1)
        lines.stage("datacomp-basic", 2)
    assert list(lines.stages) == ["pool", "datacomp-basic"]
    assert capsys.readouterr().err == "datacomp-basic: apply its rules\n"
