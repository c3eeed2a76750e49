"""The analytical service: facts, customers, and what they are worth."""
