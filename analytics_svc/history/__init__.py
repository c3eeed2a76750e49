"""The history tier: the same facts in Delta Lake, moved there batch by batch, and asked beside what has not been moved yet."""
