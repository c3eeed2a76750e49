"""The kit on its own, module by module."""
