"""What `wit forget` says, and how a recipe's lists are given."""

import errno
import json
import os
import shutil
import signal

import pytest

from tests import builds
from tests.builds import Killed, image_url
from wit_builder import storage
from wit_builder.blocklist import tombstones
from wit_builder.errors import ShardError
from wit_builder.shards import manifest


@pytest.fixture
def out(tmp_path):
    return shutil.copytree(builds.finished(), tmp_path / "OUT")


def test_it_says_what_went(wit, out):
    said = wit("forget", "OUT", "--url", image_url(5), "--domain", "images-1.test", "--why", "asked")
    assert said.code == 0
    assert said.out == (
        "4 pairs gone (domain 3, url 1), 2 shards written again; besides 5 candidates and 1 row of losses\n"
        "what was named stays out (2 tombstones)\n"
    )
    assert wit("verify", "OUT").code == 0
    assert json.loads(wit("show", "OUT", "--json").out)["samples"] == builds.GOOD - 4
    assert json.loads(wit("show", "OUT", "--json").out)["notes"] == []


def test_for_programs_it_is_json(wit, out):
    said = json.loads(wit("forget", "OUT", "--domain", "images-1.test", "--dry-run", "--json").out)
    assert said["pairs"] == {"domain": 3} and said["dry_run"] is True
    assert (said["candidates"], said["losses"], said["tombstones"]) == (4, 1, 1)
    assert not (out / tombstones.NAME).exists()


def test_a_dry_run_says_would(wit, out):
    assert wit("forget", "OUT", "--domain", "images-1.test", "--dry-run").out.startswith("3 pairs would go")


def test_nothing_matched_is_said_and_is_no_error(wit, out):
    said = wit("forget", "OUT", "--domain", "elsewhere.test")
    assert (said.code, said.out) == (
        0,
        "nothing in it is of what was named; what was named stays out (1 tombstone)\n",
    )
    assert (out / tombstones.NAME).exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--sha256", "abc"], "--sha256: 'abc' is no SHA-256 (64 hex digits)"),
        (["--file", "none.txt"], "--file none.txt cannot be read: No such file or directory"),
        ([], "what shall be forgotten?"),
    ],
)
def test_what_cannot_be_meant_is_said(wit, out, words, error):
    said = wit("forget", "OUT", *words)
    assert (said.code, said.error) == (2, error)


@pytest.mark.parametrize(("radius", "code"), [("0", 0), ("255", 0), ("256", 2), ("-1", 2)])
def test_a_radius_is_within_a_hash(wit, out, radius, code):
    assert wit("forget", "OUT", "--pdq", "0" * 64, "--radius", radius, "--dry-run").code == code


def test_a_list_that_cannot_be_read_leaves_no_out(wit, tmp_path):
    (tmp_path / "bad.txt").write_text("abc\n")
    (tmp_path / "pairs.csv").write_text("url,caption\nhttp://a.test/1.png,a boat on a lake\n")
    typed = ["build", "url-list", "--input", "pairs.csv", "--out", "NEW", "--connect-to", "*="]
    said = wit(*typed, "--blocklist", "sha256:bad.txt")
    assert said.code == 2
    assert said.error == f"{tmp_path / 'bad.txt'}, line 1: 'abc' is no SHA-256 (64 hex digits)"
    assert said.hint.startswith("mend or remove that line")
    assert not (tmp_path / "NEW").exists()
    assert wit(*typed, "--blocklist", "bad.txt").hint == "--blocklist sha256:bad.txt"


def test_on_a_full_disk_the_hint_is_what_can_be_typed(wit, out, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tombstones, "write", full)
    said = wit("forget", "OUT", "--url", image_url(5))
    assert (said.code, said.error) == (1, "cannot write OUT: no space is left on the device")
    assert said.hint == "free some space there, then run the same command again"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal_it_says_how_to_go_on(wit, out, monkeypatch, number):
    with monkeypatch.context() as patch:
        patch.setattr(manifest, "write_manifest", lambda *_: os.kill(os.getpid(), number))
        said = wit("forget", "OUT", "--url", image_url(5))
    assert (said.code, said.error) == (1, "stopped; nothing that was done is lost")
    assert "forget OUT --url" in said.hint
    assert wit("forget", "OUT").code == 0 and wit("verify", "OUT").code == 0


def test_verify_of_what_was_cut_short_hints_at_the_command_that_goes_on(wit, out, monkeypatch):
    def dies(*_):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(manifest, "write_manifest", dies)  # when the shards are others already
        wit("forget", "OUT", "--url", image_url(5))
    with pytest.raises(ShardError, match="its manifest says"):
        manifest.verify(out)
    said = wit("verify", "OUT")
    assert (said.code, said.error) == (2, "'OUT' has an unfinished `wit forget`")
    assert said.hint == "wit forget OUT"
    assert wit("forget", "OUT").code == 0 and wit("verify", "OUT").code == 0


def test_verify_of_an_unfinished_retry_hints_at_it_where_shards_are_too_many(wit, out):
    storage.write_json(out / "retry" / "retry.json", {"only": ["dns", "5xx"], "reasons": [], "first": 3})
    assert wit("verify", "OUT").code == 0  # nothing of it is in OUT/shards
    (out / "shards" / "00003.parquet").write_bytes(b"")
    said = wit("verify", "OUT")
    assert (said.code, said.error) == (2, "'OUT' has an unfinished `wit retry`")
    assert said.hint == "wit retry OUT --only dns,5xx"
    shutil.rmtree(out / "retry")
    assert wit("verify", "OUT").error == "OUT/shards/00003.parquet is not in the manifest"
