"""From lists of (URL, caption) in files of any common format to candidates."""
