"""Which pairs stay: filters, and duplicates over the whole build. Before the download (select) and after (clean)."""
