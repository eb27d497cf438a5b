import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from wit_builder.audit.learned import file
from wit_builder.audit.learned.file import Header
from wit_builder.errors import ConfigError

HEADER = Header("tiny", 0.6, "measured", "0" * 64, 0.9)


def written(path, metadata=None):
    save_file({"weight": np.zeros(4, np.float32)}, path, HEADER.metadata() if metadata is None else metadata)
    return path


def test_a_file_says_what_was_written_and_has_its_sha256(tmp_path):
    path = written(tmp_path / "detector.safetensors")
    header, digest = file.read(path)
    assert header == HEADER
    assert file.read(path, expected=digest) == (header, digest)


def test_a_file_with_another_hash_than_expected_is_refused(tmp_path):
    path = written(tmp_path / "detector.safetensors")
    with pytest.raises(
        ConfigError, match=r"is another detector than expected: its sha256 is .{12}, not aaaaaa"
    ):
        file.read(path, expected="a" * 64)


def test_a_file_that_is_cut_or_something_else_is_refused(tmp_path):
    path = written(tmp_path / "detector.safetensors")
    whole = path.read_bytes()
    for what in (whole[:-1], whole[:40], b"", b"GIF89a" * 40, b"\xff" * 8 + whole[8:]):
        path.write_bytes(what)
        with pytest.raises(ConfigError, match="is no detector, or is cut"):
            file.read(path)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, r"is of kind None, expected 'wit-builder copy detector 1'"),
        (
            {"detector": json.dumps({"kind": "wit-builder copy detector 2"})},
            "is of kind 'wit-builder copy detector 2'",
        ),
        ({"detector": "[1"}, "is no detector, or is cut"),
        ({"detector": "[1]"}, "is of kind None"),
        ({"detector": json.dumps({"kind": file.KIND, "variant": "tiny"})}, "another header than expected"),
        (Header("tiny", 1.5, "", "", 0).metadata(), "the threshold 1.5, expected 0 to 1"),
        (Header("tiny", "high", "", "", 0).metadata(), "the threshold 'high'"),
    ],
)
def test_a_file_of_another_kind_is_refused_in_one_sentence(tmp_path, said, words):
    with pytest.raises(ConfigError, match=words):
        file.read(written(tmp_path / "other.safetensors", said))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none.safetensors' cannot be read: No such file"):
        file.read(tmp_path / "none.safetensors")
