"""What happens to orders. Every event carries `occurred_on`, the business day of what happened in the tenant's zone."""

from typing import ClassVar, Literal

from services.contracts import Amount, Code, Contract, Count, Currency, Day, Event, ExternalId, Id, Instant, Label, State, Tag

OrderStatus = Literal["draft", "placed", "completed", "cancelled"]
PaymentStatus = Literal["unpaid", "partly_paid", "paid", "partly_refunded", "refunded"]
FulfilmentStatus = Literal["none", "partial", "fulfilled", "partly_returned", "returned"]


class OrderLine(Contract):
    """One line of an order; its description is owner-held. `amount_minor` = quantity × unit price − discount + tax."""

    line_no: Count
    product_id: Id | None = None
    sku: Code | None = None
    category: Label | None = None
    product_line: Label | None = None
    tier: Count | None = None
    quantity: Count
    unit_price_minor: Amount
    discount_minor: Amount = 0
    tax_minor: Amount = 0
    amount_minor: Amount
    unit_cost_minor: Amount | None = None
    fulfilled_quantity: Count = 0
    returned_quantity: Count = 0


class OrderState(State):
    """The public state of an order. `margin_minor` is null unless every line names its unit cost."""

    number: Code
    contact_id: Id
    placed_at: Instant | None = None
    placed_on: Day | None = None
    currency: Currency
    lines: list[OrderLine]
    total_minor: Amount
    margin_minor: Amount | None = None
    paid_minor: Amount = 0
    refunded_minor: Amount = 0
    status: OrderStatus
    payment_status: PaymentStatus
    fulfilment_status: FulfilmentStatus
    channel: Code | None = None
    call_id: Id | None = None
    opportunity_id: Id | None = None
    quote_id: Id | None = None
    campaign_id: Id | None = None
    referral_code: Code | None = None
    owner_id: Id | None = None
    is_test: bool = False
    tags: list[Tag] = []
    external_ids: list[ExternalId] = []


class MovedLine(Contract):
    """How much of a line was fulfilled or returned."""

    line_no: Count
    quantity: Count


class OrderCreated(Event):
    """A draft was written. An order that is born placed has no such event."""

    type: ClassVar[str] = "pipeline.order.created.v1"
    state: OrderState
    occurred_on: Day


class OrderPlaced(Event):
    """A purchase: the draft was placed, or the order was born placed (perhaps paid and fulfilled too). Emitted once."""

    type: ClassVar[str] = "pipeline.order.placed.v1"
    state: OrderState
    occurred_on: Day


class OrderChanged(Event):
    """Fields or lines changed before completion."""

    type: ClassVar[str] = "pipeline.order.changed.v1"
    state: OrderState
    occurred_on: Day


class OrderPaid(Event):
    """Money came in."""

    type: ClassVar[str] = "pipeline.order.paid.v1"
    state: OrderState
    occurred_on: Day
    amount_minor: Amount
    at: Instant


class OrderRefunded(Event):
    """Money went back."""

    type: ClassVar[str] = "pipeline.order.refunded.v1"
    state: OrderState
    occurred_on: Day
    amount_minor: Amount
    at: Instant


class OrderFulfilled(Event):
    """Goods went out."""

    type: ClassVar[str] = "pipeline.order.fulfilled.v1"
    state: OrderState
    occurred_on: Day
    lines: list[MovedLine]


class OrderReturned(Event):
    """Goods came back."""

    type: ClassVar[str] = "pipeline.order.returned.v1"
    state: OrderState
    occurred_on: Day
    lines: list[MovedLine]


class OrderCompleted(Event):
    """Nothing more is to be done."""

    type: ClassVar[str] = "pipeline.order.completed.v1"
    state: OrderState
    occurred_on: Day


class OrderCancelled(Event):
    """The order is off; it counts as no purchase."""

    type: ClassVar[str] = "pipeline.order.cancelled.v1"
    state: OrderState
    occurred_on: Day
    reason_id: Id | None = None


class OrderArchived(Event):
    """Hidden from lists; it stays a purchase."""

    type: ClassVar[str] = "pipeline.order.archived.v1"
    state: OrderState
    occurred_on: Day


class OrderRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "pipeline.order.restored.v1"
    state: OrderState
    occurred_on: Day
