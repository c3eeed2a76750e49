"""The journal: every event of every service, in one gapless order per tenant. A store of record, never rebuilt."""
