"""A whole build of a tiny web, with the README's own recipe, as a stranger would run it."""

import json
import os
import re
import shlex
import subprocess

import pytest

from tests.archive.archives import page
from tests.cli import tiny_web as web
from tests.cli.processes import WIT, environment, ran
from tests.structure.documents import ROOT, python_in
from wit_builder import settings


@pytest.fixture
def there(wit, built, monkeypatch):
    """`wit` called in the folder of the build."""
    monkeypatch.chdir(built[0])
    return wit


def test_the_recipe_of_the_readme_keeps_what_it_says(built):
    folder, _, said = built
    assert said.returncode == 0, said.stderr
    funnel = json.loads((folder / "my out" / "funnel.json").read_bytes())
    assert funnel["select"]["dropped"] == {"caption_few_words": 1}
    assert funnel["clean"] == {"seen": 3, "kept": 2, "dropped": {"image_too_small": 1}}
    assert (folder / "my out" / "report.html").is_file()


def test_json_is_one_object_a_line_and_the_funnel_on_stdout(built):
    folder, _, said = built
    lines = [json.loads(line) for line in said.stderr.splitlines()]
    stages = [line["stage"] for line in lines if line.get("ended")]
    assert stages == ["collect", "select", "fetch", "clean", "pack"]
    assert json.loads(said.stdout) == json.loads((folder / "my out" / "funnel.json").read_bytes())
    assert said.stdout.count("\n") == 1


def test_what_comes_next_can_be_typed(built):
    folder, _, said = built
    command = json.loads(said.stderr.splitlines()[-1])["note"].removeprefix("next: ")
    shown = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment(), capture_output=True, text=True
    )
    assert (shown.returncode, "2 samples" in shown.stdout) == (0, True)


def test_a_complete_build_shows_its_result_again(there, built):
    said = there(*built[1])
    assert (said.code, said.err) == (0, "my out is complete already\n")
    title, _, *table = said.out.splitlines()
    assert re.fullmatch(r"mine: 2 pairs in 1 shard, [\d.]+ kB", title)
    assert table == [
        "  stage          seen        kept        lost   most often because",
        "  pages             1           1           0",
        "  extract           4           4           0",
        "  select            4           3           1   caption_few_words 1",
        "  fetch             3           3           0",
        "  clean             3           2           1   image_too_small 1",
        "",
        "  the pairs, as WebDataset           my out/shards",
        "  the 2 lost, each with its reason   my out/ledger",
        "  a report with a contact sheet      my out/report.html",
    ]


def test_quiet_says_nothing_when_all_goes_well(there, built):
    said = there(*built[1], "--quiet")
    assert (said.code, said.err, said.out[:5]) == (0, "", "mine:")


def test_another_recipe_on_the_same_folder_is_refused_with_the_difference(there, built):
    said = there(*built[1], "--seeds", "http://other.test/")
    assert said.code == 2
    assert said.error.startswith("'my out' was started with another recipe: source.seeds: ")


def test_the_build_is_what_its_manifest_says(there):
    said = there("verify", "my out")
    assert (said.code, said.out, said.err) == (
        0,
        "",
        "my out: every shard is what its manifest says; 2 pairs kept and 2 items lost are what was seen\n",
    )


def test_a_pipe_gets_no_colour(built):
    said = [built[2], ran("show", "my out", cwd=built[0]), ran("shwo")]
    assert all("\x1b" not in one.stdout + one.stderr for one in said)


@pytest.mark.parametrize("command", [["show", "my out"], ["filters"], ["build", "crawl", "--help"]])
def test_a_broken_pipe_is_silent(built, command):
    read, write = os.pipe()
    os.close(read)  # as `| head -0` does
    done = subprocess.run(
        [*WIT, *command], stdout=write, stderr=subprocess.PIPE, cwd=built[0], env=environment(), text=True
    )
    os.close(write)
    assert done.stderr == ""


def test_show_as_json_is_one_line(there):
    said = there("show", "my out", "--json")
    assert (json.loads(said.out)["samples"], said.out.count("\n")) == (2, 1)


def test_show_writes_the_report_and_prints_where(there):
    said = there("show", "my out", "--html")
    assert (said.out, said.err) == ("my out/report.html\n", "")


def test_retry_of_a_reason_that_is_not_there_says_so(there):
    said = there("retry", "my out", "--only", "dns")
    assert (said.code, said.error) == (2, "no download failed for 'dns'; seen were none")


def test_a_filter_in_a_recipe_file_works_in_every_process(tiny_web, tmp_path):
    """docs/commands.md shows the recipe; its filter is found again by the path of the file."""
    (tmp_path / "no_stairs.py").write_text(python_in(ROOT / "docs" / "commands.md")[0])
    typed = [
        "build",
        "./no_stairs.py",
        "--seeds",
        web.SEED,
        "--networks",
        "127.0.0.0/8",
        *web.reach(tiny_web),
    ]
    said = ran(*typed, "--until", "select", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    funnel = json.loads((tmp_path / "out" / "no_stairs" / "funnel.json").read_bytes())
    assert funnel["select"] == {"seen": 4, "kept": 3, "dropped": {"caption_word": 1}}
    assert said.stdout.startswith("without: not finished yet\n")
    assert said.stderr.endswith(" --resume\n")


def test_the_filter_of_a_recipe_file_is_read_back_from_build_json(tiny_web, tmp_path):
    path = tmp_path / "no_stairs.py"
    path.write_text(python_in(ROOT / "docs" / "commands.md")[0])
    rule = settings.load_file(path).CaptionWithout("stairs")
    assert settings.decode(settings.encode(rule)) == rule


@pytest.mark.parametrize(
    "words", [("url-list", "--input", "pairs.csv"), ("common-crawl", "--warc", "page.warc")]
)
def test_a_list_or_archive_of_which_nothing_is_kept_is_told_nothing_of_crawls(tmp_path, words):
    (tmp_path / "pairs.csv").write_text("url,caption\nhttp://a.test/a.jpg,A red kite over the hill\n")
    (tmp_path / "page.warc").write_bytes(page())
    options = ("--contact", "https://a.test/me", "--connect-to", "*=", "--out", "out")
    said = ran("build", *words, *options, cwd=tmp_path)
    assert "no pair was kept, for the reasons above\n" in said.stdout, said.stderr
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"```sh\nwit build {shlex.join([*words, *options])}\n```" in card


def test_a_crawl_of_which_nothing_is_kept_is_told_of_its_scope(tiny_web, tmp_path):
    typed = (
        "--seeds",
        web.SEED,
        "--languages",
        "de",
        "--contact",
        "https://a.test/me",
        "--allow-network",
        "127.0.0.0/8",
    )
    said = ran("build", "crawl", *typed, *web.reach(tiny_web), "--out", "out", cwd=tmp_path)
    assert "reasons above; a crawl follows links within its --scope alone\n" in said.stdout, said.stderr
