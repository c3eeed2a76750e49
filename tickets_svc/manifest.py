"""What the tickets service is."""

from services.events import tickets as events
from services.manifests import Manifest, Noun
from tickets_svc.consumers import HANDLERS
from tickets_svc.tickets import movements, routes

manifest = Manifest(
    name="tickets",
    package="tickets_svc",
    port=8013,
    nouns=[Noun("ticket", "tickets")],
    routers=[routes.router],
    contracts=[*events.TICKET_EVENTS],
    consumes=["crm.contacts", "crm.analytics", "crm.platform"],
    handlers=HANDLERS,
    jobs={"continue_ticket": movements.continue_when_due, "close_ticket": movements.close_when_due},
)
