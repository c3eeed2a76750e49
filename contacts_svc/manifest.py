"""What the contacts service is."""

from fastapi import APIRouter

from contacts_svc.consents import operations as consents_operations
from contacts_svc.consumers import HANDLERS
from contacts_svc.lifecycles import operations as lifecycles_operations
from services.events import contacts as events
from services.manifests import Manifest, Noun


def _routers() -> list[APIRouter]:
    from contacts_svc.consent_purposes import routes as purposes
    from contacts_svc.consents import routes as consents
    from contacts_svc.contacts import routes
    from contacts_svc.lifecycles import routes as lifecycles

    contacts = [routes.router, routes.internal_router, lifecycles.router]
    return [*contacts, consents.router, consents.contact_router, consents.internal_router, purposes.router]


manifest = Manifest(
    name="contacts",
    package="contacts_svc",
    port=8011,
    nouns=[Noun("contact", "contacts"), Noun("consent", "consents"), Noun("consent_purpose", "consent-purposes")],
    routers=_routers,
    public=["/v1/consents/links/"],
    contracts=[*events.CONTACT_EVENTS, *events.CONSENT_EVENTS, *events.CONSENT_PURPOSE_EVENTS],
    consumes=["crm.platform", "crm.pipeline", "crm.tickets", "crm.campaigns"],
    handlers=HANDLERS,
    jobs={
        consents_operations.DUE_JOB: consents_operations.pass_time,
        lifecycles_operations.DUE_JOB: lifecycles_operations.pass_time,
        lifecycles_operations.ALL_JOB: lifecycles_operations.look_at_all,
    },
)
