"""Chaos: processes killed under load, and the proof that nothing was lost, doubled or reordered."""
