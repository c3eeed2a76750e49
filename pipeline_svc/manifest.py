"""What the pipeline service is."""

from pipeline_svc.consumers import HANDLERS
from pipeline_svc.imports.command import imports
from pipeline_svc.orders import routes
from services.events import pipeline as events
from services.manifests import Manifest, Noun

manifest = Manifest(
    name="pipeline",
    package="pipeline_svc",
    port=8012,
    nouns=[Noun("order", "orders")],
    routers=[routes.router],
    contracts=[
        events.OrderCreated,
        events.OrderPlaced,
        events.OrderChanged,
        events.OrderPaid,
        events.OrderRefunded,
        events.OrderFulfilled,
        events.OrderReturned,
        events.OrderCompleted,
        events.OrderCancelled,
        events.OrderArchived,
        events.OrderRestored,
    ],
    consumes=["crm.contacts", "crm.analytics", "crm.platform"],
    handlers=HANDLERS,
    commands={"import": imports},
)
