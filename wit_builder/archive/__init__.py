"""From archives of the web (WARC, WAT) to candidates: what a crawl of somebody else already holds."""
