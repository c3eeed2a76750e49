"""Contacts: people and organizations, with what is personal about them."""
