"""A tar of samples, as a shard list names it."""

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Shard:
    """A tar of samples."""

    url: str  # a local path, or the URL of a store
    bytes: int
    samples: int  # that can be used, as far as its manifest, its stats or its headers tell
    sha256: str  # of the tar, as its manifest says; elsewhere of its first and last 64 KiB, or of its version
    version: str  # differs when the content does
    source: int  # number of the word that means it
    passed_over: tuple[tuple[str, int], ...] = ()  # what its headers show besides, by reason; unread: nothing

    @property
    def name(self) -> str:
        """The tar's name without its folders."""
        return PurePosixPath(self.url).name
