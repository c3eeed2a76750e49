"""The wire shapes of products."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pipeline_svc.orders.schemas import KnownCurrency, Minor
from services.contracts import Bps, Code, Label
from services.events.pipeline_catalogue import ProductKind, ProductState
from services.wire import ExternalIds, Input

Months = Annotated[int, Field(ge=0, le=1_200)]
Rank = Annotated[int, Field(ge=0, le=1_000_000)]


class ProductCreate(Input):
    """A new product, which is a draft until it is launched."""

    sku: Code
    name: Label
    kind: ProductKind = "tangible"
    line: Label | None = None
    tier: Rank | None = Field(None, description="rank in its line")
    unit: Code | None = None
    unit_cost_minor: Minor | None = None
    currency: KnownCurrency | None = Field(None, description="of unit_cost_minor")
    tax_bps: Bps | None = None
    warranty_months: Months | None = None
    service_interval_months: Months | None = None
    expected_life_months: Months | None = None
    brand: Label | None = None
    external_ids: ExternalIds = []

    @model_validator(mode="after")
    def _sound(self) -> "ProductCreate":
        if self.unit_cost_minor is not None and self.currency is None:
            raise PydanticCustomError("missing", "unit_cost_minor needs a currency")
        return self


class ProductPatch(Input):
    """What may be changed of a product."""

    sku: Code = ""
    name: Label = ""
    kind: ProductKind = "tangible"
    line: Label | None = None
    tier: Rank | None = None
    unit: Code | None = None
    unit_cost_minor: Minor | None = None
    currency: KnownCurrency | None = None
    tax_bps: Bps | None = None
    warranty_months: Months | None = None
    service_interval_months: Months | None = None
    expected_life_months: Months | None = None
    brand: Label | None = None
    external_ids: ExternalIds = []


class ProductRead(ProductState):
    """A product."""

    version: int
    updated_at: datetime
