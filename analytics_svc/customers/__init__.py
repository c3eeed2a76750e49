"""Customers: what the facts say of each of them, and what they are worth."""
