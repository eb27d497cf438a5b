"""How `wit` says that something is wrong: one sentence, then a hint that can be typed, on stderr."""

import difflib
import os

import click

from wit_builder.errors import ConfigError, WitError

_MOST = 2_000  # characters of a message; a seed or a path may be a book


def complain(error: WitError | click.ClickException | OSError) -> int:
    """Print the error and its hint; the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return 2
    if isinstance(error, click.ClickException):
        message, hint = _of_click(error)
        say(message, hint)
        return 2
    if isinstance(error, OSError):
        say(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
        return 1
    say(str(error), error.hint)
    return 2 if isinstance(error, ConfigError) else 1


def say(message: str, hint: str | None = None) -> None:
    """Print an error and what to type next. Control characters of foreign texts reach no terminal."""
    click.secho("error: ", fg="red", bold=True, nl=False, err=True, color=colour())
    click.echo(_safe(message), err=True)
    if hint:
        click.echo(f"\nhint: {_safe(hint)}", err=True)


def colour() -> bool | None:
    """False where NO_COLOR asks for none, None to let the terminal decide."""
    return False if os.environ.get("NO_COLOR") else None


def _of_click(error: click.ClickException) -> tuple[str, str | None]:
    """click's errors in our words."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:  # click does not say which command it was
        return _plain(error.format_message()), "wit COMMAND --help"
    path = context.command_path
    if isinstance(error, click.NoSuchOption):
        return f"`{path}` has no option {error.option_name}", _option_meant(error, path)
    if isinstance(error, click.MissingParameter) and error.param:
        name = _name(error.param)
        flag = f"{name} {error.param.make_metavar(context)}" if name.startswith("-") else name
        return f"`{path}` needs {name}", f"{path} {flag}"
    if isinstance(error, click.BadParameter) and error.param:
        return f"{_name(error.param)}: {_plain(error.message)}", _choice_meant(error, path)
    return f"`{path}`: {_plain(error.format_message())}", f"{path} --help"


def _option_meant(error: click.NoSuchOption, path: str) -> str:
    if error.ctx and isinstance(error.ctx.command, click.Group):
        what = error.ctx.command.subcommand_metavar.partition(" ")[0]
        return f"options come after it: {path} {what} {error.option_name}"
    if error.possibilities:
        return f"did you mean {' or '.join(sorted(error.possibilities))}?"
    return f"{path} --help"


def _choice_meant(error: click.BadParameter, path: str) -> str:
    kind = error.param.type if error.param else None
    if isinstance(kind, click.Choice) and error.param:
        said = error.message.split("'")[1:2]
        nearest = difflib.get_close_matches(said[0], map(str, kind.choices), 1) if said else []
        if nearest:
            return f"{_name(error.param)} {nearest[0]}"
    return f"{path} --help"


def _name(param: click.Parameter) -> str:
    return param.opts[0] if isinstance(param, click.Option) else (param.name or "").upper()


def _plain(sentence: str) -> str:
    """click's sentence as ours: no capital, no full stop."""
    sentence = sentence.removesuffix(".")
    return sentence[:1].lower() + sentence[1:]


def _safe(text: str) -> str:
    if len(text) > _MOST:
        text = f"{text[: _MOST // 2]} ... {text[-_MOST // 2 :]}"
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
