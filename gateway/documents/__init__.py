"""Documents: the one OpenAPI document of all services."""
