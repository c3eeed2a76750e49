"""The contacts service: the people and organizations that everything else is about."""
