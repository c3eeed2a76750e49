"""What the gateway is."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter
from starlette.types import ASGIApp

from gateway.consumers import HANDLERS
from gateway.demo.command import demo
from gateway.demo.starting import first_start
from gateway.keys.command import operator
from services.events import platform
from services.manifests import EVERY_TOPIC, Manifest, Noun
from services.settings import Settings


def _routers() -> list[APIRouter]:
    from gateway.identity import routes as identity
    from gateway.journal import routes as journal
    from gateway.keys import routes as keys
    from gateway.stream import routes as stream
    from gateway.tenants import routes as tenants

    return [tenants.router, identity.users, identity.teams, keys.router, stream.router, journal.router]


def _across(manifests: Sequence[Manifest]) -> list[APIRouter]:
    from gateway.customers import routes as customers
    from gateway.journal import routes as journal

    return [*journal.history_routers(manifests), customers.timeline_router(manifests)]


def _front(apps: Mapping[str, ASGIApp], settings: Settings) -> ASGIApp:
    from gateway.routing.front import build_front

    return build_front(apps, settings)


manifest = Manifest(
    name="gateway",
    package="gateway",
    port=8000,
    nouns=[Noun("tenant", "tenants"), Noun("user", "users"), Noun("team", "teams"), Noun("key", "keys"), Noun("event", "events")],
    routers=_routers,
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
    front=_front,
    commands={"demo": demo, "operator": operator},
    first_start=first_start,
)
