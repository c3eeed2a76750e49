"""Documents: the one OpenAPI document of all services, and the one AsyncAPI document of all their events."""
