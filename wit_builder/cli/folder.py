"""The type of options that name a folder to write, where nothing is brought to a store."""

from typing import Any

import click


class Folder(click.Path):
    """A path that is no file's; a URL, which would be a folder of that odd name, is refused, and so is no name."""

    def __init__(self, path_type: type[Any] | None = None) -> None:
        super().__init__(file_okay=False, path_type=path_type)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if not str(value) or "://" in str(value):
            self.fail(f"{str(value)!r} is no folder of this machine, where it is written", param, ctx)
        return super().convert(value, param, ctx)
