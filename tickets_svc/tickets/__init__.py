"""Tickets: one case each, from the question to its solution."""
