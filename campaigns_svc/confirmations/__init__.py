"""Confirmations: the mail that asks a contact to confirm what contacts was told they agree to (double opt-in)."""
