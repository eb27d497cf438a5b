import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wit_builder.cli import COMMANDS, wit

ROOT = Path(__file__).parents[2]


def run(*arguments, **more):
    return subprocess.run(
        [sys.executable, "-m", "wit_builder", *arguments], capture_output=True, text=True, cwd=ROOT, **more
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name):
    shown = run(name, "--help")
    assert shown.returncode == 0
    assert "Example" in shown.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_docs(name):
    assert f"`wit {name}" in (ROOT / "docs" / "commands.md").read_text()


def test_help_is_quick():
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run("--help")
        times.append(time.perf_counter() - start)
    assert min(times) < 0.3


def test_help_imports_nothing_heavy():
    code = "import sys; from wit_builder.cli import wit; wit(['--help'], standalone_mode=False); "
    code += "print(sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout
    assert not {"'torch'", "'pyarrow'", "'aiohttp'", "'PIL'"} & set(re.findall(r"'\w+'", modules))


def test_the_data_road_never_imports_torch():
    code = (
        "import sys, wit_builder.retry, wit_builder.report, wit_pipelines.demo; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "False\n"


def test_a_misspelt_command_names_the_nearest():
    said = run("biuld")
    assert said.returncode == 2
    assert said.stderr.splitlines()[-1] == "hint: wit build"


def test_pipes_get_no_colour_codes():
    assert "\x1b" not in run("biuld").stderr + run("--help").stdout


def test_no_command_shares_a_name_with_another_spelling():
    assert wit.list_commands(None) == list(COMMANDS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path", [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md"], ids=lambda path: path.name
)
def test_links_between_documents_lead_somewhere(path):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []
