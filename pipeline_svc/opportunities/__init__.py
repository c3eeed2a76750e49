"""Opportunities: the sales that are followed, from the first stage to won or lost."""
