"""Facts: what happened, one row an event, never overwritten."""
