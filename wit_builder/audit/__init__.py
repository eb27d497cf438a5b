"""Audit: which evaluation images lie in the shards, exactly or nearly, and which samples these are."""
