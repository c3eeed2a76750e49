"""What campaigns reads from the bus: the tenants, the contacts with their consents, and what analytics says of them."""

from services.deliveries import Handlers
from services.events.analytics import CustomerScored
from services.events.contacts import CONSENT_EVENTS, CONTACT_EVENTS
from services.events.platform import TenantChanged, TenantCreated
from services.references import on_consent, on_contact, on_scored
from services.tenants import on_tenant

HANDLERS: Handlers = {
    TenantCreated: [on_tenant],
    TenantChanged: [on_tenant],
    CustomerScored: [on_scored],
    **{event: [on_contact] for event in CONTACT_EVENTS},
    **{event: [on_consent] for event in CONSENT_EVENTS},
}
