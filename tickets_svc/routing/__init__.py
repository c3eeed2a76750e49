"""Routing: which ticket goes to which queue or agent, by what rule, and why."""
