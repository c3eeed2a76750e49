"""What the tickets service is."""

from fastapi import APIRouter

from services.events import tickets as events
from services.manifests import Manifest, Noun
from tickets_svc.consumers import HANDLERS
from tickets_svc.tickets import movements


def _routers() -> list[APIRouter]:
    from tickets_svc.tickets import routes

    return [routes.router]


manifest = Manifest(
    name="tickets",
    package="tickets_svc",
    port=8013,
    nouns=[Noun("ticket", "tickets")],
    routers=_routers,
    contracts=[*events.TICKET_EVENTS],
    consumes=["crm.contacts", "crm.analytics", "crm.platform"],
    handlers=HANDLERS,
    jobs={"continue_ticket": movements.continue_when_due, "close_ticket": movements.close_when_due},
)
