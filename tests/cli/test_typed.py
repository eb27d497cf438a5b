import shlex
import sys

import pytest

from wit_builder.cli import typed


@pytest.fixture
def typing(monkeypatch, tmp_path):
    """Sets what was typed; `wit` is found in a folder of the PATH."""
    installed = tmp_path / "bin" / "wit"
    installed.parent.mkdir()
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    monkeypatch.setenv("PATH", str(installed.parent))

    def as_typed(program, *words):
        monkeypatch.setattr(sys, "argv", [str(installed) if program == "wit" else program, *words])

    return as_typed


@pytest.mark.parametrize(
    ("program", "shown"),
    [
        ("wit", "wit"),
        (".venv/bin/wit", ".venv/bin/wit"),
        ("/my tools/wit", "'/my tools/wit'"),
        ("/a/wit_builder/__main__.py", f"{shlex.quote(sys.executable)} -m wit_builder"),
    ],
)
def test_the_program_is_named_as_it_was_called(typing, program, shown):
    typing(program)
    assert typed.program() == shown


@pytest.mark.parametrize(
    ("ranks", "here", "shown"),
    [("2", "2", "torchrun --nproc-per-node 2 -m wit_builder"), ("1", "1", "wit"), ("16", "8", "wit")],
)
def test_what_torchrun_began_goes_on_by_torchrun(typing, monkeypatch, ranks, here, shown):
    monkeypatch.setenv("WORLD_SIZE", ranks)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", here)
    typing("wit", "train", "--out", "b32")
    assert typed.resumed() == f"{shown} train --out b32 --resume"


def test_to_go_on_is_the_same_command_with_resume(typing):
    typing(
        "wit", "build", "./my recipe.py", "--out", "my out", "--resume", "--seeds", "http://a.test/?a=1&b=2"
    )
    assert (
        typed.resumed()
        == "wit build './my recipe.py' --out 'my out' --seeds 'http://a.test/?a=1&b=2' --resume"
    )


@pytest.mark.parametrize("until", [["--until", "select"], ["--until=select"]])
def test_to_go_on_is_to_go_to_the_end(typing, until):
    typing("wit", "build", "demo", *until, "--pages", "60")
    assert typed.resumed() == "wit build demo --pages 60 --resume"


def test_what_a_card_says_is_the_command_from_the_beginning_to_the_end_whoever_reads_it(typing):
    typing("/my tools/wit", "build", "demo", "--resume", "--until", "pack", "--out", "my out")
    assert typed.anew() == "wit build demo --out 'my out'"


def test_the_same_command_is_the_same_command(typing):
    typing("wit", "retry", "my out", "--only", "4xx,dns")
    assert typed.same() == "wit retry 'my out' --only 4xx,dns"


def test_another_command_is_quoted_too(typing):
    typing(".venv/bin/wit", "build")
    assert typed.command("show", "my out") == ".venv/bin/wit show 'my out'"
