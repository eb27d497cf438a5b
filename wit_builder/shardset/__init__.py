"""Shards as users name them: found, counted, fingerprinted, fetched where they are not here."""
