"""The demo company that a first start loads."""
