"""The floors hold, and the contracts that hold them bite."""

import shutil
import subprocess
import sys

import pytest

from tests.structure.documents import PACKAGES, ROOT

NEVERS = {  # a file: a line that must not stand in it
    "wit_builder/records.py": "import wit_builder.build",
    "wit_builder/crawl/settings.py": "import wit_builder.curation.clean",
    "wit_builder/fetch/fetch.py": "from wit_builder.crawl import scope",
    "wit_builder/web/url.py": "from wit_builder.text import normalize",
    "wit_builder/model/load.py": "from wit_builder.extract import html",
    "wit_builder/images/decode.py": "import wit_filters.image",
    "wit_builder/report/page.py": "import wit_builder.cli",
    "filters/wit_filters/url.py": "import wit_pipelines.demo",
}


def lint(folder):
    """What import-linter says of the packages in that folder."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    paths = ":".join(str(folder / part) for part in (".", "filters", "pipelines"))
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": paths},
    )


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of the packages and their contracts."""
    folder = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(
            package, folder / package.relative_to(ROOT), ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_the_floors_hold(copied):
    said = lint(copied)
    assert (said.returncode, "2 kept, 0 broken" in said.stdout) == (0, True), said.stdout


@pytest.mark.parametrize("file", NEVERS)
def test_an_arrow_that_runs_up_is_named(copied, file):
    path = copied / file
    before = path.read_text()
    path.write_text(f"{before}\n{NEVERS[file]}\n")
    said = lint(copied)
    path.write_text(before)
    module = file.removesuffix(".py").replace("filters/wit", "wit").replace("/", ".")
    assert said.returncode == 1
    assert f"{module} -> {NEVERS[file].split()[1]}" in " ".join(said.stdout.split())


def test_a_room_that_stands_on_no_floor_is_named(copied):
    room = copied / "wit_builder" / "utils.py"
    room.touch()
    said = lint(copied)
    room.unlink()
    assert (said.returncode, "utils" in said.stdout + said.stderr) == (1, True)
