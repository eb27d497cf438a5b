"""Which pairs stay: filters, and duplicates over the whole build; before the download and after it."""
