"""Which lists a recipe obeys, by their files."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

from wit_builder.errors import ConfigError

RADIUS = 31  # bits of 256 in which PDQ's authors take two pictures for one


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocklist:
    """Files of what must not be taken; paths or URLs, as inputs are. Formats: lists.py.

    pdq_radius: bits, 0 to 255, in which a picture's PDQ hash may differ from a listed one and still be it.
    tombstones: files that `wit forget` wrote; each entry has its own radius.
    Raises ConfigError for a radius out of range.
    """

    sha256: tuple[str, ...] = ()  # of images' bytes as fetched
    pdq: tuple[str, ...] = ()
    pdq_radius: int = RADIUS
    urls: tuple[str, ...] = ()  # of images, or of pages that show them
    domains: tuple[str, ...] = ()  # with all hosts below them
    tombstones: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.pdq_radius <= 255:
            raise ConfigError(
                f"Blocklist.pdq_radius is {self.pdq_radius}; PDQ hashes differ in 0 to 255 bits"
            )

    @classmethod
    def named(cls, words: tuple[str, ...]) -> Self:
        """The lists that `--blocklist KIND:FILE ...` names. A file cannot tell a sha256 from a PDQ hash, so
        the word does. Raises ConfigError for a word without its kind.
        """
        found = cls()
        kinds = [f.name for f in fields(cls) if f.name != "pdq_radius"]
        for word in words:
            kind, _, file = word.partition(":")
            if kind not in kinds or not file:
                likely = "tombstones" if word.endswith(".parquet") else "sha256"
                raise ConfigError(
                    f"--blocklist {word!r} does not say what it lists: {', '.join(kinds)}",
                    f"--blocklist {kind}:FILE" if kind in kinds else f"--blocklist {likely}:{word}",
                )
            more: dict[str, Any] = {kind: (*getattr(found, kind), file)}
            found = replace(found, **more)
        return found
