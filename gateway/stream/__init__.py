"""The stream: events as they happen, over server-sent events."""
