import tomllib
from importlib.metadata import EntryPoint

import pytest
from click.testing import CliRunner

from tests.structure.documents import ROOT
from wit_builder.cli import filters
from wit_builder.preset import NO_FILES
from wit_filters.presets import PRESETS


def points(group):
    """The presets as pyproject.toml names them."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][group]
    return [EntryPoint(name, value, group) for name, value in named.items()]


@pytest.fixture
def said(monkeypatch):
    monkeypatch.setattr(filters, "entry_points", lambda group: points(group))
    return CliRunner().invoke(filters.command, ["--presets"])


def test_every_preset_is_printed_whole(said):
    assert said.exit_code == 0
    for preset in PRESETS.values():
        assert str(preset(NO_FILES)) in said.output


def test_every_preset_is_installed_under_its_name():
    assert {point.name: point.load() for point in points("wit_builder.presets")} == dict(PRESETS)


def test_a_preset_that_wants_a_file_says_how_to_give_it(said):
    assert "without --given tagger=PATH: a noun and a determiner in the caption" in said.output
