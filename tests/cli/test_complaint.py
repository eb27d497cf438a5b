import subprocess
import sys

import click
import pytest

from wit_builder.cli import complaint
from wit_builder.errors import BuildError, ConfigError, ShardError, WitError


def complain(error, capsys):
    code = complaint.complain(error)
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(ConfigError("x"), 2), (BuildError("x"), 1), (ShardError("x"), 1), (WitError("x"), 1)]
)
def test_the_code_says_whether_anything_was_started(error, code, capsys):
    assert complain(error, capsys) == (code, "error: x\n")


def test_a_hint_stands_below_the_sentence(capsys):
    assert complain(BuildError("it broke", "mend it"), capsys)[1] == "error: it broke\n\nhint: mend it\n"


def test_control_characters_of_foreign_texts_reach_no_terminal(capsys):
    said = complain(BuildError("\x1b[2Jgone\r\x07", "rm \x1b]0;x"), capsys)[1]
    assert said == "error: \\x1b[2Jgone\\r\\x07\n\nhint: rm \\x1b]0;x\n"


def test_letters_of_all_scripts_stay(capsys):
    assert "猫 été" in complain(BuildError("猫 été"), capsys)[1]


@pytest.mark.parametrize(("length", "shown"), [(2_000, 2_000), (2_001, 2_005), (10_000_000, 2_005)])
def test_a_book_of_a_message_is_cut_in_the_middle(length, shown, capsys):
    said = complain(BuildError("a" * length), capsys)[1]
    assert len(said) - len("error: \n") == shown


def test_a_failure_of_the_system_names_the_file(capsys):
    error = PermissionError(13, "Permission denied", "/root/out")
    assert complain(error, capsys) == (1, "error: /root/out: Permission denied\n")


def test_a_failure_of_the_system_without_a_file_says_what_it_was(capsys):
    assert complain(OSError(98, "Address already in use"), capsys)[1] == "error: Address already in use\n"
    assert complain(OSError("just so"), capsys)[1] == "error: just so\n"


def test_an_error_of_clicks_without_a_command_is_one_sentence(capsys):
    assert complain(click.FileError("x.txt", "No such file."), capsys) == (
        2,
        "error: could not open file 'x.txt': No such file\n\nhint: wit COMMAND --help\n",
    )


@pytest.mark.parametrize(("value", "coloured"), [("", True), ("1", False)])
def test_no_color_is_honoured(value, coloured, monkeypatch):
    monkeypatch.setenv("NO_COLOR", value)
    assert complaint.colour() is (None if coloured else False)


def test_ctrl_c_anywhere_else_says_that_it_stopped(wit, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("wit_builder.cli.wit.main", interrupted)
    said = wit("show", "x")
    assert (said.code, said.error) == (1, "stopped")


def test_a_locale_without_the_letters_ends_no_command():
    code = "import wit_builder.cli as cli; cli.wit.main = lambda **_: print('猫'); cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={"PYTHONIOENCODING": "ascii"}
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"?\n", b"")
