"""`wit audit train-detector`, as it is typed."""

import pytest
from click.testing import CliRunner

from tests.train.tars import shard
from wit_builder.audit.learned import file
from wit_builder.audit.learned.network import VARIANTS
from wit_builder.cli import audit_detector
from wit_builder.errors import ConfigError


def run(*words):
    return CliRunner().invoke(audit_detector.command, [str(word) for word in words], catch_exceptions=False)


def test_it_trains_and_says_how_good_it_is_and_where_it_lies(tmp_path):
    shard(tmp_path / "shards" / "00000.tar", 40)
    words = ("--shards", tmp_path / "shards", "--variant", "tiny", "--batch", 9, "--epochs", 1)
    said = run(*words, "--out", tmp_path / "out")
    path = tmp_path / "out" / "detector.safetensors"
    header, _ = file.read(path)
    lines = said.stdout.splitlines()
    assert said.exit_code == 0
    assert lines == [
        f"proxy task: {header.accuracy:.1%} of the images held out find their copy",
        f"threshold {header.threshold:g}: {header.source}",
        str(path),
    ]
    assert "step 4 of 4: loss" in said.stderr
    assert run(*words, "--out", tmp_path / "quiet", "--quiet").stderr == ""


def test_its_variants_are_those_that_there_are():
    assert tuple(VARIANTS) == audit_detector.VARIANTS


def test_what_cannot_be_trained_on_is_refused_before_anything_is_written(tmp_path):
    shard(tmp_path / "shards" / "00000.tar", 40)
    with pytest.raises(ConfigError, match="batch is 1712, and the shards have 40 samples"):
        run("--shards", tmp_path / "shards", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
