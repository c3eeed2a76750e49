"""What campaigns reads from the bus: tenants, contacts with their consents, their orders, and what analytics says of them."""

from campaigns_svc.confirmations.operations import on_requested
from campaigns_svc.results.operations import on_order
from services.deliveries import Handlers
from services.events.analytics import CustomerScored
from services.events.contacts import CONSENT_EVENTS, CONTACT_EVENTS, ConsentRequested
from services.events.pipeline import (
    OrderArchived,
    OrderCancelled,
    OrderChanged,
    OrderCompleted,
    OrderFulfilled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderRestored,
    OrderReturned,
)
from services.events.platform import TenantChanged, TenantCreated
from services.references import on_consent, on_contact, on_scored
from services.tenants import on_tenant

ORDER_EVENTS = (
    *(OrderPlaced, OrderChanged, OrderPaid, OrderRefunded, OrderFulfilled, OrderReturned, OrderCompleted, OrderCancelled),
    *(OrderArchived, OrderRestored),
)
HANDLERS: Handlers = {
    TenantCreated: [on_tenant],
    TenantChanged: [on_tenant],
    CustomerScored: [on_scored],
    **{event: [on_contact] for event in CONTACT_EVENTS},
    **{event: [on_consent] for event in CONSENT_EVENTS},
    **{event: [on_order] for event in ORDER_EVENTS},
    ConsentRequested: [on_consent, on_requested],
}
