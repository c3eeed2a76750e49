"""The pyramid: how many customers stand in each tier, what they bring, and what is at stake."""
