"""Identity: the users who work in a tenant, and their teams."""
