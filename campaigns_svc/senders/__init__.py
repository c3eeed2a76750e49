"""Senders: in whose name mail goes out, and how much of it."""
