"""Consents: whether a contact agrees to hear of a purpose through a channel, with the proof of it."""
