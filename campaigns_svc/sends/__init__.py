"""Sends: who is to be written to, one message to each, and the ledger of what became of it."""
