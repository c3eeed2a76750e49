"""What happens to what a tenant sets up for selling: reasons, products, pipelines with their stages."""

from typing import ClassVar, Literal

from services.contracts import Amount, Bps, Code, Contract, Count, Currency, Event, ExternalId, FieldName, Id, Label, State

ReasonKind = Literal["won", "lost", "disqualified", "churn"]
Usability = Literal["active", "retired"]
ProductKind = Literal["tangible", "intangible", "service"]
ProductStatus = Literal["draft", "active", "retired"]
StageKind = Literal["open", "won", "lost"]


class ReasonState(State):
    """Why something ended as it did: one of the few answers that a tenant lets its people choose from."""

    kind: ReasonKind
    text: Label
    status: Usability
    external_ids: list[ExternalId] = []


class ReasonCreated(Event):
    """A reason may be chosen."""

    type: ClassVar[str] = "pipeline.reason.created.v1"
    state: ReasonState


class ReasonUpdated(Event):
    """The reason reads differently, or another system names it."""

    type: ClassVar[str] = "pipeline.reason.updated.v1"
    state: ReasonState


class ReasonRetired(Event):
    """The reason may be chosen no more; where it was chosen it stays."""

    type: ClassVar[str] = "pipeline.reason.retired.v1"
    state: ReasonState


class ReasonArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "pipeline.reason.archived.v1"
    state: ReasonState


class ReasonRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "pipeline.reason.restored.v1"
    state: ReasonState


class ProductState(State):
    """Something that is sold. `tier` is its rank in its `line`; `unit_cost_minor` stands in `currency`."""

    sku: Code
    name: Label
    kind: ProductKind
    line: Label | None = None
    tier: Count | None = None
    unit: Code | None = None
    unit_cost_minor: Amount | None = None
    currency: Currency | None = None
    tax_bps: Bps | None = None
    warranty_months: Count | None = None
    service_interval_months: Count | None = None
    expected_life_months: Count | None = None
    brand: Label | None = None
    status: ProductStatus
    external_ids: list[ExternalId] = []


class ProductCreated(Event):
    """A draft of a product."""

    type: ClassVar[str] = "pipeline.product.created.v1"
    state: ProductState


class ProductChanged(Event):
    """Fields changed."""

    type: ClassVar[str] = "pipeline.product.changed.v1"
    state: ProductState


class ProductLaunched(Event):
    """From now on it is sold."""

    type: ClassVar[str] = "pipeline.product.launched.v1"
    state: ProductState


class ProductRetired(Event):
    """It is sold no more."""

    type: ClassVar[str] = "pipeline.product.retired.v1"
    state: ProductState


class ProductArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "pipeline.product.archived.v1"
    state: ProductState


class ProductRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "pipeline.product.restored.v1"
    state: ProductState


class Stage(Contract):
    """A stage with its gate: which fields an opportunity must have to enter it, and whose roles may bring one there (empty: any).

    A retired stage is entered no more; it stays in the list for the opportunities that were in it. After `rotting_days` in an open
    stage an opportunity counts as stalled.
    """

    id: Id
    key: Code
    name: Label
    kind: StageKind
    probability_bps: Bps
    required_fields: list[FieldName] = []
    rotting_days: Count | None = None
    allowed_roles: list[Code] = []
    status: Usability = "active"


class PipelineState(State):
    """A way of selling: its stages, the active ones in their order and the retired ones behind them."""

    name: Label
    currency: Currency
    stages: list[Stage]
    status: Usability
    external_ids: list[ExternalId] = []


class PipelineCreated(Event):
    """Opportunities may be followed through it."""

    type: ClassVar[str] = "pipeline.pipeline.created.v1"
    state: PipelineState


class PipelineChanged(Event):
    """Its name, its stages or their gates changed."""

    type: ClassVar[str] = "pipeline.pipeline.changed.v1"
    state: PipelineState


class PipelineRetired(Event):
    """No opportunity is opened in it any more; those that are in it go on."""

    type: ClassVar[str] = "pipeline.pipeline.retired.v1"
    state: PipelineState


class PipelineReactivated(Event):
    """It takes new opportunities again."""

    type: ClassVar[str] = "pipeline.pipeline.reactivated.v1"
    state: PipelineState


class PipelineArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "pipeline.pipeline.archived.v1"
    state: PipelineState


class PipelineRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "pipeline.pipeline.restored.v1"
    state: PipelineState
