"""Tenants: the companies whose data is kept apart."""
