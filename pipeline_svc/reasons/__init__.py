"""Reasons: the answers a tenant lets its people choose from when something is won, lost, disqualified or left."""
