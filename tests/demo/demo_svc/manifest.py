"""What the demo service is."""

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from demo_svc import events
from demo_svc.things import operations
from services.contracts import Event
from services.jobs import Work
from services.manifests import Manifest, Noun


async def count(session: AsyncSession, work: Work) -> dict[str, int]:
    """A job that counts to its argument, with progress."""
    for number in range(work.arguments["to"]):
        await work.report(number * 100, {"read": number})
    return {"counted": work.arguments["to"]}


def _routers() -> list[APIRouter]:
    from demo_svc.things import routes

    return [routes.router]


manifest = Manifest(
    name="demo",
    package="demo_svc",
    port=8091,
    nouns=[Noun("thing", "things")],
    routers=_routers,
    contracts=[events.ThingCreated, events.ThingUpdated, events.ThingUsed, events.ThingArchived, events.ThingRestored],
    consumes=["crm.demo"],
    handlers={Event: [operations.on_thing]},
    jobs={"count": count},
)
