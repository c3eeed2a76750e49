"""Routing: the front, which every request passes, and how a request reaches the service that answers it."""
