"""What `wit ablate` says."""

import json

import pytest

from tests.ablate import pools
from tests.ablate.pools import pair
from tests.cli.test_presets import points
from wit_builder.cli import ablate
from wit_builder.cli.progress import Lines

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
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_started(wit, tmp_path, words, error, hint):
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


def test_a_stage_that_is_known_by_its_whole_name_keeps_it(capsys):
    lines = Lines(("pool", "datacomp-basic"), None)
    with lines:
        lines.stage("datacomp-basic", 1)
        lines.stage("datacomp-basic", 2)
    assert list(lines.stages) == ["pool", "datacomp-basic"]
    assert capsys.readouterr().err == "datacomp-basic: apply its rules\n"
