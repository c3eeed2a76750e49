"""The tickets service: what customers ask, who answers, and how fast."""
