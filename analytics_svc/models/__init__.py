"""Models: what was learnt from purchase histories, which of them answers, and what they forecast."""
