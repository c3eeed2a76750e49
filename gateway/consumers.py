"""Which events the gateway consumes: all of them, for the journal; tenants also for the kit."""

from gateway.journal.operations import on_event
from services.contracts import Event
from services.deliveries import Handlers
from services.events.platform import TenantChanged, TenantCreated
from services.tenants import on_tenant

HANDLERS: Handlers = {Event: [on_event], TenantCreated: [on_tenant], TenantChanged: [on_tenant]}
