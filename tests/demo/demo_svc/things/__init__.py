"""Things: the smallest noun that shows every layer."""
