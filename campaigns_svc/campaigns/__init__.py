"""Campaigns: from the draft to the last recipient, and what they are allowed to do."""
