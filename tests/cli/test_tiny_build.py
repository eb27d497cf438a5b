"""A whole build of a tiny web, with the README's own recipe, as a stranger would run it."""

import json
import os
import subprocess

import pytest

from tests.cli import tiny_web as web
from tests.cli.processes import WIT, environment, ran
from tests.structure.documents import ROOT, python_in
from wit_builder import settings


def test_the_recipe_of_the_readme_keeps_what_it_says(built):
    folder, _, said = built
    assert said.returncode == 0, said.stderr
    funnel = json.loads((folder / "my out" / "funnel.json").read_bytes())
    assert funnel["select"]["dropped"] == {"caption_few_words": 1}
    assert funnel["clean"] == {"seen": 3, "kept": 2, "dropped": {"image_too_small": 1}}


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
    shown = subprocess.run(["sh", "-c", command], cwd=folder, env=environment(), capture_output=True, text=True)
    assert (shown.returncode, "2 samples" in shown.stdout) == (0, True)


def test_a_complete_build_shows_its_result_again(built):
    folder, typed, _ = built
    said = ran(*typed, cwd=folder)
    assert (said.returncode, said.stderr) == (0, "my out is complete already\n")
    assert said.stdout.splitlines()[:5] == [
        f"mine: {said.stdout.splitlines()[0][6:]}",
        "",
        "  stage          seen        kept        lost   most often because",
        "  pages             1           1           0",
        "  extract           4           4           0",
    ]
    assert "my out/report.html" in said.stdout


def test_quiet_says_nothing_when_all_goes_well(built):
    folder, typed, _ = built
    said = ran(*typed, "--quiet", cwd=folder)
    assert (said.returncode, said.stderr) == (0, "")


def test_another_recipe_on_the_same_folder_is_refused_with_the_difference(built):
    folder, typed, _ = built
    said = ran(*typed, "--seeds", "http://other.test/", cwd=folder)
    assert said.returncode == 2
    assert "'my out' was started with another recipe: source.seeds: " in said.stderr


def test_the_build_is_what_its_manifest_says(built):
    said = ran("verify", "my out", cwd=built[0])
    assert (said.returncode, said.stdout) == (0, "")


def test_a_pipe_gets_no_colour(built):
    folder, typed, _ = built
    said = [ran(*typed, cwd=folder), ran("show", "my out", cwd=folder), ran("filters"), ran("--help"), ran("shwo")]
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


def test_show_as_json_is_one_line(built):
    said = ran("show", "my out", "--json", cwd=built[0])
    assert json.loads(said.stdout)["samples"] == 2
    assert said.stdout.count("\n") == 1


def test_show_writes_the_report_and_prints_where(built):
    said = ran("show", "my out", "--html", cwd=built[0])
    assert (said.stdout, said.stderr) == ("my out/report.html\n", "")


def test_retry_of_a_reason_that_is_not_there_says_so(built):
    said = ran("retry", "my out", "--only", "dns", cwd=built[0])
    assert (said.returncode, said.stderr.splitlines()[0]) == (
        2,
        "error: no download failed for 'dns'; the ledger has none",
    )


def test_a_filter_in_a_recipe_file_works_in_every_process(tiny_web, tmp_path):
    """docs/commands.md shows the recipe; its filter is found again by the path of the file."""
    (tmp_path / "no_stairs.py").write_text(python_in(ROOT / "docs" / "commands.md")[0])
    typed = ["build", "./no_stairs.py", "--seeds", web.SEED, "--networks", "127.0.0.0/8", *web.reach(tiny_web)]
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
