"""What the contacts service is."""

from fastapi import APIRouter

from contacts_svc.consumers import HANDLERS
from services.events import contacts as events
from services.manifests import Manifest, Noun


def _routers() -> list[APIRouter]:
    from contacts_svc.contacts import routes

    return [routes.router, routes.internal_router]


manifest = Manifest(
    name="contacts",
    package="contacts_svc",
    port=8011,
    nouns=[Noun("contact", "contacts")],
    routers=_routers,
    contracts=[*events.CONTACT_EVENTS, *events.CONSENT_EVENTS],
    consumes=["crm.platform"],
    handlers=HANDLERS,
)
