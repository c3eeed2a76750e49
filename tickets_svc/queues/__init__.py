"""Queues: where tickets wait, and which of them comes next."""
