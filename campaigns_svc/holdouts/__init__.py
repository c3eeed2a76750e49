"""Holdouts: a share of the contacts, always the same ones, that is left alone so that the difference can be seen."""
