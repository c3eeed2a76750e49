"""Pipelines: the ways of selling, with their stages and gates."""
