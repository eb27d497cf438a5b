"""From a page's HTML to candidates: image references with every text found for them."""
