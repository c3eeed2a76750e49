"""The gateway: the one door. It knows tenants, users and keys, forwards to the services, and keeps the journal of their events."""
