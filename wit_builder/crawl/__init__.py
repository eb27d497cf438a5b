"""From seed addresses to candidates on disk: politely, in rounds, never losing its place."""
