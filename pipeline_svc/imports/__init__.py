"""Purchases from files, sent through the HTTP API."""
