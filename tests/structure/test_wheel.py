"""The wheel holds the three packages whole and nothing else, and works where it is installed."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.structure.documents import PACKAGES, ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of this checkout, built in a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(
            package, folder / package.relative_to(ROOT), ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (path,) = (folder / "dist").glob("*.whl")
    return path


def test_it_holds_the_three_packages_whole_and_nothing_else(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        str(path.relative_to(package.parent))
        for package in PACKAGES
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == expected
    assert {Path(name).suffix for name in names} == {".py", ".typed", ".j2", ".json", ".csv"}


@pytest.mark.parametrize(
    "name", [f"{p.name}/py.typed" for p in PACKAGES] + ["wit_builder/report/page.html.j2"]
)
def test_types_and_templates_are_in_it(wheel, name):
    assert name in zipfile.ZipFile(wheel).namelist()


def test_it_names_licence_command_recipes_and_filters(wheel):
    archive = zipfile.ZipFile(wheel)
    texts = {
        Path(name).name: archive.read(name).decode() for name in archive.namelist() if ".dist-info/" in name
    }
    assert "wit = wit_builder.cli:main" in texts["entry_points.txt"]
    assert len(re.findall(r"^[\w-]+ = wit_filters\.", texts["entry_points.txt"], re.MULTILINE)) >= 12
    assert "Apache License" in texts["LICENSE"]
    assert "License-Expression: Apache-2.0" in texts["METADATA"]


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A new virtual environment with the wheel, and the libraries of this one."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    libraries = site / "libraries_only"
    libraries.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():  # all but the checkout itself
        if not re.match(r"(__editable__\.)?_?wit_builder", path.name):
            (libraries / path.name).symlink_to(path)
    (site / "libraries.pth").write_text(f"{libraries}\n")
    return folder / "bin"


def wit(installed, tmp_path, *typed):
    return subprocess.run(
        [installed / "wit", *typed],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )


def test_installed_it_finds_its_recipes_and_filters(installed, tmp_path):
    shown = wit(installed, tmp_path, "build", "demo", "--help")
    assert (shown.returncode, "--pages INTEGER" in shown.stdout) == (0, True), shown.stderr
    listed = wit(installed, tmp_path, "filters")
    assert (listed.returncode, "wit_filters.image import ImageSize" in listed.stdout) == (0, True)


def test_installed_it_runs_from_its_own_files(installed, tmp_path):
    code = "import wit_builder, wit_filters, wit_pipelines, wit_builder.report.page as page; "
    code += "print(wit_builder.__file__, wit_filters.__file__, wit_pipelines.__file__, page.__file__)"
    done = subprocess.run(
        [installed / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert all(Path(path).is_relative_to(installed.parent) for path in done.stdout.split())
