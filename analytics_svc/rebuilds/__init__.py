"""Rebuilding what analytics derives: the customers from the facts, the facts from the log."""
