"""Agents: who takes cases, what they can do, how many at a time, and whether they are there."""
