"""WebDataset shards: tar with sidecars, manifest and card. Written whole or absent, read as hostile."""
