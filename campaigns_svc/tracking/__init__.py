"""Tracking: the links in our mails, which anybody who holds one may follow: clicks, opens, and the way out."""
