"""wit-builder: from the open web to filtered, deduplicated WebDataset shards of (image, caption) pairs."""

__version__ = "0.1.0"
