"""What the gateway is."""

from collections.abc import Sequence

from fastapi import APIRouter

from gateway.consumers import HANDLERS
from gateway.customers import routes as customers
from gateway.demo.command import demo
from gateway.demo.starting import first_start
from gateway.identity import routes as identity
from gateway.journal import routes as journal
from gateway.keys import routes as keys
from gateway.routing.front import build_front
from gateway.stream import routes as stream
from gateway.tenants import routes as tenants
from services.events import platform
from services.manifests import EVERY_TOPIC, Manifest, Noun


def _across(manifests: Sequence[Manifest]) -> list[APIRouter]:
    return [*journal.history_routers(manifests), customers.timeline_router(manifests)]


manifest = Manifest(
    name="gateway",
    package="gateway",
    port=8000,
    nouns=[Noun("tenant", "tenants"), Noun("user", "users"), Noun("team", "teams"), Noun("key", "keys"), Noun("event", "events")],
    routers=[tenants.router, identity.users, identity.teams, keys.router, stream.router, journal.router],
    contracts=[
        platform.TenantCreated,
        platform.TenantChanged,
        platform.UserInvited,
        platform.UserChanged,
        platform.TeamCreated,
        platform.TeamChanged,
        platform.KeyCreated,
        platform.KeyRevoked,
    ],
    consumes=EVERY_TOPIC,
    handlers=HANDLERS,
    across=_across,
    front=build_front,
    commands={"demo": demo},
    first_start=first_start,
)
