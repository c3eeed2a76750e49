"""Import of the log of another help desk: a client of the HTTP API."""
