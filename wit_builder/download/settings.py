"""What is asked of a fetch: which list, what its shards look like, how the web is asked."""

from dataclasses import dataclass, field
from typing import Any, Literal

from wit_builder import settings
from wit_builder.blocklist.settings import Blocklist
from wit_builder.errors import ConfigError
from wit_builder.images.picture import ImageSpec
from wit_builder.lists.settings import UrlList
from wit_builder.shards.layout import OF_IMG2DATASET, Layout
from wit_builder.shards.listed import Output
from wit_builder.shards.writer import ShardSpec
from wit_builder.web.settings import WebSettings

Mode = Literal["incremental", "overwrite", "extend"]

# Of ours, what a list cannot say; the others are of pages.
OURS = (
    *("final_url", "http_status", "content_type", "phash", "phash_quality", "opt_out", "source"),
    "original_bytes",
)

WINDOW_ROWS = 100_000  # that are fetched together: 3 GB staged at 256 pixels, 20 GB of pictures as they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A list to be fetched. Raises ConfigError for a contradiction."""

    urls: UrlList
    output: Output = "files"
    image: ImageSpec
    shards: ShardSpec
    layout: Layout  # `carried` is filled in once the list's columns are known
    web: WebSettings
    blocklist: Blocklist = field(default_factory=Blocklist)
    columns: tuple[str, ...] = ()  # of the list, that stand in the output
    retries: int = 1  # of a task that crashed

    def __post_init__(self) -> None:
        if self.layout.format != self.image.format:
            raise ConfigError(f"images are {self.image.format}, their column is {self.layout.format}")

    @property
    def rows_per_part(self) -> int:
        """Rows of a list in one part: whole shards, and about a window."""
        size = self.shards.samples_per_shard
        return size * max(1, WINDOW_ROWS // size)

    def shape(self) -> dict[str, Any]:
        """All that the shards' names, keys, fields and pictures depend on, as JSON."""
        return {
            "output_format": self.output,
            "columns": list(self.columns),
            "image": settings.encode(self.image),
            "shards": settings.encode(self.shards),
            "layout": settings.encode(self.layout),
        }


def taken(layout: Layout, output: Output) -> frozenset[str]:
    """Names that a column of the list cannot keep: of all that the sidecar has, and that img2dataset's may have."""
    return OF_IMG2DATASET.union(layout.columns().names, [layout.format] if output == "parquet" else [])
