"""Images as they lie in the tars that the fetch stage wrote."""

from pathlib import Path

from wit_builder.errors import BuildError


def image(folder: Path, tar: str, offset: int, length: int) -> bytes:
    """The image of that place. folder: the one that `tar` is relative to.

    Opening the tar each time takes 4 us for 30 KB, with the tar open 2. Raises BuildError when the tar is cut.
    """
    path = folder / tar
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        found = file.read(length)
    if len(found) != length:
        raise BuildError(
            f"staged tar {path} ends before its image at byte {offset}",
            f"rm -r {folder.parent}, then run the same command again with `--resume`: all is fetched anew",
        )
    return found
