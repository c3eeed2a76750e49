"""What contacts reads from the bus: the tenants that there are."""

from services.deliveries import Handlers
from services.events.platform import TenantChanged, TenantCreated
from services.tenants import on_tenant

HANDLERS: Handlers = {TenantCreated: [on_tenant], TenantChanged: [on_tenant]}
