"""What must not be taken: lists of addresses, domains and hashes, and the tombstones of what was forgotten."""
