"""Seed addresses, given one by one or in files with one a line."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from wit_builder.errors import ConfigError
from wit_builder.web.url import normalise

MAX_FILE_BYTES = 64 << 20
MAX_SEEDS = 1_000_000  # they stand in build.json

_EXAMPLE = "write addresses as https://example.org/, in a file one a line"


def read(seeds: Sequence[str]) -> tuple[str, ...]:
    """The addresses given, and those in the files given, each once, in their order.

    In a file empty lines and lines that begin with # do not count. Raises ConfigError for what is neither
    address nor file, a file that is no text or too big, and a line that is no http(s) address.
    """
    found = dict.fromkeys(url for seed in seeds for url in _addresses(seed))
    if not found:
        raise ConfigError("there is not one seed address to begin with", "--seeds https://example.org/")
    if len(found) > MAX_SEEDS:
        raise ConfigError(f"there are {len(found):,} seed addresses, expected at most {MAX_SEEDS:,}")
    return tuple(found)


def _addresses(seed: str) -> Iterator[str]:
    if "://" in seed:
        yield _checked(seed, "--seeds")
        return
    path = Path(seed).expanduser()
    if not path.exists() or path.is_dir():
        host = re.fullmatch(r"[\w-]+(\.[\w-]+)+/?", seed) and not seed.endswith((".txt", ".csv"))
        raise ConfigError(
            f"--seeds {_short(seed)} is neither an address nor a file",
            f"--seeds https://{seed.rstrip('/')}/" if host else _EXAMPLE,
        )
    for number, line in enumerate(_lines(path), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield _checked(line.strip(), f"{path}, line {number}")


def _lines(path: Path) -> list[str]:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(
            f"seed file {path} is over {MAX_FILE_BYTES >> 20} MiB", "split it into several builds"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigError(f"seed file {path} is no text in UTF-8", _EXAMPLE)
    return text.split("\n")


def _checked(url: str, where: str) -> str:
    try:
        normalise(url)
    except ValueError:
        raise ConfigError(f"{where}: {_short(url)} is no http(s) address", _EXAMPLE) from None
    return url


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:60]}... ({len(text):,} characters)")
