"""Suppressions: addresses that nothing is sent to, kept as keyed hashes alone."""
