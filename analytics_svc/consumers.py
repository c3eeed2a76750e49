"""What analytics does with the events of others: each class, and its handlers in order."""

from analytics_svc.customers.operations import on_order, on_signal, on_tenant
from services import tenants
from services.deliveries import Handlers
from services.events import campaigns_sends, pipeline, pipeline_activities, platform, tickets

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
    pipeline_activities.ActivityCompleted: [on_signal],
    campaigns_sends.SendSent: [on_signal],
    campaigns_sends.SendClicked: [on_signal],
    tickets.TicketOpened: [on_signal],
    tickets.TicketUpdated: [on_signal],
    tickets.TicketStatusChanged: [on_signal],
    tickets.TicketResolved: [on_signal],
    tickets.TicketReopened: [on_signal],
    tickets.TicketClosed: [on_signal],
    tickets.TicketArchived: [on_signal],
    tickets.TicketRestored: [on_signal],
}
