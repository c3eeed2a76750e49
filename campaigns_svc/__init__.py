"""Campaigns: who is written to, what they are sent, who is left alone, and what came of it."""
