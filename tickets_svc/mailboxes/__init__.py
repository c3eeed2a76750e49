"""Mailboxes: the addresses under which customers write to us, and what comes in through them."""
