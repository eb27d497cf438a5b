"""What the tests of the command line share: `wit` called in this process, and a build of a tiny web."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli import tiny_web as tiny_web_
from tests.cli.processes import ROOT, ran
from tests.site.server import served
from tests.structure.documents import python_in
from wit_builder.cli import main


@dataclass(frozen=True)
class Said:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The sentence after "error: "."""
        return self.err.partition("error: ")[2].partition("\n\nhint: ")[0].strip()

    @property
    def hint(self) -> str:
        """What to type next, "" without."""
        return self.err.partition("\n\nhint: ")[2].strip()


@pytest.fixture
def wit(capsys, monkeypatch, tmp_path):
    """Calls `wit` in a folder of its own, as the installed command does."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["wit", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return Said(int(end.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def recipe_file(tmp_path):
    """Writes a recipe file; returns its path as it is typed."""

    def write(text: str, name: str = "mine.py") -> str:
        Path(tmp_path, name).write_text(text)
        return f"./{name}"

    return write


@pytest.fixture(scope="session")
def tiny_web(tmp_path_factory):
    """The port of a web of one page, see tiny_web.py."""
    hosts = tmp_path_factory.mktemp("hosts")
    tiny_web_.write(hosts)
    with served(hosts) as port:
        yield port


@pytest.fixture(scope="session")
def built(tiny_web, tmp_path_factory):
    """The README's own recipe, built on the tiny web: the folder it was run in, and what it said."""
    folder = tmp_path_factory.mktemp("built here")
    (folder / "my_recipe.py").write_text(tiny_web_.hurried(python_in(ROOT / "README.md")[0]))
    typed = [
        "build",
        "./my_recipe.py",
        "--seeds",
        tiny_web_.SEED,
        "--contact",
        "me@example.org",
        "--out",
        "my out",
    ]
    said = ran(*typed, *tiny_web_.reach(tiny_web), "--json", cwd=folder)
    return folder, typed + tiny_web_.reach(tiny_web), said
