"""What pipeline reads from the bus: the tenants, the contacts that buy, and what analytics says of them."""

from services.deliveries import Handlers
from services.events.analytics import CustomerScored
from services.events.contacts import ContactArchived, ContactCreated, ContactLifecycleChanged, ContactRestored, ContactUpdated
from services.events.platform import TenantChanged, TenantCreated
from services.references import on_contact, on_scored
from services.tenants import on_tenant

CONTACT_EVENTS = (ContactCreated, ContactUpdated, ContactArchived, ContactRestored, ContactLifecycleChanged)
HANDLERS: Handlers = {
    TenantCreated: [on_tenant],
    TenantChanged: [on_tenant],
    CustomerScored: [on_scored],
    **{event: [on_contact] for event in CONTACT_EVENTS},
}
