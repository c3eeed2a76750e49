"""Scores: the present value of every customer, kept for lists, and told when it moves."""
