"""What contacts reads from the bus: the tenants, who buys and deals with us, and who unsubscribes."""

from contacts_svc.consents.operations import on_unsubscribed
from contacts_svc.lifecycles.operations import on_dealings, on_window
from services.deliveries import Handlers
from services.events.campaigns import SubscriptionUnsubscribed
from services.events.pipeline import OrderCancelled, OrderChanged, OrderPaid, OrderPlaced, OrderRefunded
from services.events.pipeline_activities import ActivityCompleted
from services.events.pipeline_leads import LeadOpened
from services.events.platform import TenantChanged, TenantCreated
from services.events.tickets import TicketOpened
from services.tenants import on_tenant

DEALINGS = (OrderPlaced, OrderChanged, OrderPaid, OrderRefunded, OrderCancelled, LeadOpened, ActivityCompleted, TicketOpened)
HANDLERS: Handlers = {
    TenantCreated: [on_tenant],
    TenantChanged: [on_tenant, on_window],
    SubscriptionUnsubscribed: [on_unsubscribed],
    **{event: [on_dealings] for event in DEALINGS},
}
