"""Lifecycles: where a contact stands in the pyramid, worked out from what it did, or held by hand."""
