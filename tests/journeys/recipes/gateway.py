"""How the operations of gateway succeed."""

from uuid import uuid4

from tests.journeys.recipes.making import World, history_of, jobs_of, on, plain


async def _user(world: World) -> str:
    return str((await world.made("/v1/users", {"email": f"{uuid4().hex}@example.com", "name": "Asha"}))["id"])


async def _team(world: World) -> str:
    return str((await world.made("/v1/teams", {"name": f"Team {uuid4().hex[:8]}"}))["id"])


async def _key(world: World) -> str:
    return str((await world.made("/v1/keys", {"name": "till", "scopes": ["orders:read"]}))["id"])


async def _tenant(world: World) -> str:
    return str(world.tenant_id)


plain("tenants.list", "GET", "/v1/tenants")
on("tenants.get", "GET", "/v1/tenants/{}", _tenant)
on("tenants.update", "PATCH", "/v1/tenants/{}", _tenant, {"name": "Acme & Sons"})
plain("users.list", "GET", "/v1/users")
plain("users.create", "POST", "/v1/users", {"email": "new@example.com", "name": "Asha"})
on("users.get", "GET", "/v1/users/{}", _user)
on("users.update", "PATCH", "/v1/users/{}", _user, {"locale": "de"})
plain("teams.list", "GET", "/v1/teams")
plain("teams.create", "POST", "/v1/teams", {"name": "Night shift"})
on("teams.get", "GET", "/v1/teams/{}", _team)
on("teams.update", "PATCH", "/v1/teams/{}", _team, {"name": "Day shift"})
plain("keys.list", "GET", "/v1/keys")
plain("keys.create", "POST", "/v1/keys", {"name": "till", "scopes": ["orders:read"]})
on("keys.get", "GET", "/v1/keys/{}", _key)
on("keys.revoke", "POST", "/v1/keys/{}/revoke", _key)
plain("events.list", "GET", "/v1/events")
plain("events.latest", "GET", "/v1/events/latest")
FOUND = {"name": "Third", "time_zone": "UTC", "currency": "USD", "admin": {"email": "c@example.com", "name": "C"}}
plain("tenants.create", "POST", "/v1/tenants", FOUND)
on("customers.timeline", "GET", "/v1/customers/{}/timeline", World.customer)
history_of("tenants", _tenant)
history_of("users", _user)
history_of("teams", _team)
history_of("keys", _key)
jobs_of("gateway")
