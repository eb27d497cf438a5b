"""Which list is read, and which of its columns are what."""

from dataclasses import dataclass

from wit_builder.errors import ConfigError

FORMATS = ("parquet", "csv", "tsv", "json", "jsonl", "txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlList:
    """Files of rows, each with a URL: local paths or fsspec URLs, folders and globs of them.

    Raises ConfigError when none is named, and for a format that is not read.
    """

    files: tuple[str, ...]
    format: str | None = None  # one of FORMATS; None: by the files' names. Compression (gz, zst) is seen
    url_col: str | None = None  # None: by name, as LAION, DataComp, COYO and CC12M call it
    caption_col: str | None = None  # the same
    columns: tuple[str, ...] | None = None  # other columns to carry through; None: all

    def __post_init__(self) -> None:
        if not self.files:
            raise ConfigError("no list is named", "--input pairs.parquet")
        if self.format is not None and self.format not in FORMATS:
            raise ConfigError(f"no format {self.format!r}; those are {', '.join(FORMATS)}")
