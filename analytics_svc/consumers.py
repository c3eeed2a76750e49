"""What analytics does with the events of others: each class, and its handlers in order."""

from analytics_svc.customers.operations import on_order, on_tenant
from services import tenants
from services.deliveries import Handlers
from services.events import pipeline, platform

HANDLERS: Handlers = {
    platform.TenantCreated: [tenants.on_tenant, on_tenant],
    platform.TenantChanged: [tenants.on_tenant],
    pipeline.OrderPlaced: [on_order],
    pipeline.OrderChanged: [on_order],
    pipeline.OrderPaid: [on_order],
    pipeline.OrderRefunded: [on_order],
    pipeline.OrderFulfilled: [on_order],
    pipeline.OrderReturned: [on_order],
    pipeline.OrderCompleted: [on_order],
    pipeline.OrderCancelled: [on_order],
}
