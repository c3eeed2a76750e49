"""What the contacts service is."""

from contacts_svc.consumers import HANDLERS
from contacts_svc.contacts import routes
from services.events import contacts as events
from services.manifests import Manifest, Noun

manifest = Manifest(
    name="contacts",
    package="contacts_svc",
    port=8011,
    nouns=[Noun("contact", "contacts")],
    routers=[routes.router, routes.internal_router],
    contracts=[*events.CONTACT_EVENTS, *events.CONSENT_EVENTS],
    consumes=["crm.platform"],
    handlers=HANDLERS,
)
