"""What the contacts service is."""

from fastapi import APIRouter

from contacts_svc.consents.operations import DUE_JOB, pass_time
from contacts_svc.consumers import HANDLERS
from services.events import contacts as events
from services.manifests import Manifest, Noun


def _routers() -> list[APIRouter]:
    from contacts_svc.consent_purposes import routes as purposes
    from contacts_svc.consents import routes as consents
    from contacts_svc.contacts import routes

    contacts = [routes.router, routes.internal_router]
    return [*contacts, consents.router, consents.contact_router, consents.internal_router, purposes.router]


manifest = Manifest(
    name="contacts",
    package="contacts_svc",
    port=8011,
    nouns=[Noun("contact", "contacts"), Noun("consent", "consents"), Noun("consent_purpose", "consent-purposes")],
    routers=_routers,
    public=["/v1/consents/links/"],
    contracts=[*events.CONTACT_EVENTS, *events.CONSENT_EVENTS, *events.CONSENT_PURPOSE_EVENTS],
    consumes=["crm.platform"],
    handlers=HANDLERS,
    jobs={DUE_JOB: pass_time},
)
