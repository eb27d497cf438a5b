"""Which list is read, and which of its columns are what."""

from dataclasses import dataclass

from wit_builder.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlList:
    """Files of rows, each with a URL: local paths or fsspec URLs, folders and globs of them.

    Raises ConfigError when none is named.
    """

    files: tuple[str, ...]
    format: str | None = None  # parquet, csv, tsv, json, jsonl, txt; None: by the files' names
    url_col: str | None = None  # None: by name, as LAION, DataComp, COYO and CC12M call it
    caption_col: str | None = None  # the same
    columns: tuple[str, ...] | None = None  # other columns to carry through; None: all

    def __post_init__(self) -> None:
        if not self.files:
            raise ConfigError("no list is named", "--input pairs.parquet")
