"""Limits: how many requests a key may make."""
