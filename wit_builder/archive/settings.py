"""Which archives are read."""

from dataclasses import dataclass

from wit_builder.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Archives:
    """Archive files: local paths or fsspec URLs, globs of them, or lists of them (`*.paths`, `*.paths.gz`).

    Raises ConfigError when none is named.
    """

    warc: tuple[str, ...] = ()  # whole responses: HTML goes through the same extraction as a crawled page
    wat: tuple[str, ...] = ()  # Common Crawl's metadata: links only, and cheap

    def __post_init__(self) -> None:
        if not self.warc and not self.wat:
            raise ConfigError("no archive is named", "--warc 'FOLDER/*.warc.gz' or --wat 'FOLDER/*.wat.gz'")
