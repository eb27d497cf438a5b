"""From candidates to samples: polite downloads, pixels in child processes, staged in chunks."""
