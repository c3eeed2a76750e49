"""The wire shapes of orders."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.contracts import Code, Currency, Instant, Label, nfc
from services.events.pipeline import OrderLine, OrderState
from services.money import DIGITS, MOST_MINOR
from services.wire import ExternalIds, Input, Tags, absent

MAX_LINES = 1_000
BornAs = Literal["draft", "placed"]


def _known_currency(code: str) -> str:
    if code not in DIGITS:
        raise PydanticCustomError("unknown_currency", "No currency of ISO 4217 with minor units has this code")
    return code


Minor = Annotated[int, Field(strict=True, ge=0, le=MOST_MINOR, description="minor units of the order's currency")]
Quantity = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]
LineNo = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
KnownCurrency = Annotated[Currency, AfterValidator(_known_currency)]
Description = Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[^\x00]*$"), BeforeValidator(nfc)]


class OrderLineWrite(Input):
    """A line. Give `unit_price_minor`, `amount_minor` or both: amount = quantity × unit price − discount + tax."""

    line_no: LineNo | None = Field(None, description="default: the place of the line in the list, from 1")
    product_id: UUID | None = None
    sku: Code | None = None
    description: Description | None = Field(None, description="kept here; never part of an event")
    category: Label | None = None
    product_line: Label | None = None
    tier: int | None = Field(None, ge=0, le=1_000_000)
    quantity: Quantity = 1
    unit_price_minor: Minor | None = None
    discount_minor: Minor = 0
    tax_minor: Minor = 0
    amount_minor: Minor | None = None
    unit_cost_minor: Minor | None = None


Lines = Annotated[list[OrderLineWrite], Field(min_length=1, max_length=MAX_LINES)]


class OrderCreate(Input):
    """A new order: a draft, or one that is born placed, and then perhaps paid and fulfilled as well.

    Without `lines`, `total_minor` makes one line that names no product; with lines it must be their sum.
    """

    contact_id: UUID
    currency: KnownCurrency
    number: Code | None = Field(None, description="unique; default: made from the day and the id")
    status: BornAs = "draft"
    placed_at: Instant | None = Field(None, description="only of a placed order; default: now; may lie in the past")
    paid: bool = Field(False, description="the whole total came in when it was placed")
    fulfilled: bool = Field(False, description="all goods went out when it was placed")
    lines: Lines | None = None
    total_minor: Minor | None = None
    channel: Code | None = None
    call_id: UUID | None = None
    opportunity_id: UUID | None = None
    quote_id: UUID | None = None
    campaign_id: UUID | None = None
    referral_code: Code | None = None
    owner_id: UUID | None = None
    is_test: bool = False
    tags: Tags = []
    external_ids: ExternalIds = []

    @model_validator(mode="after")
    def _sound(self) -> "OrderCreate":
        if self.status == "draft" and (self.placed_at is not None or self.paid or self.fulfilled):
            raise PydanticCustomError("draft", "A draft is neither placed nor paid nor fulfilled: send status placed")
        if self.lines is None and self.total_minor is None:
            raise PydanticCustomError("missing", "An order needs lines or total_minor")
        return self


class OrderPatch(Input):
    """What may be changed of an order before it is completed. `lines` replaces the whole list."""

    contact_id: UUID = Field(default_factory=absent)
    number: Code = Field(default_factory=absent)
    placed_at: Instant = Field(default_factory=absent, description="the right instant of an order that is placed")
    lines: Lines = Field(default_factory=absent)
    channel: Code | None = None
    call_id: UUID | None = None
    opportunity_id: UUID | None = None
    quote_id: UUID | None = None
    campaign_id: UUID | None = None
    referral_code: Code | None = None
    owner_id: UUID | None = None
    is_test: bool = Field(default_factory=absent)
    tags: Tags = Field(default_factory=absent)
    external_ids: ExternalIds = Field(default_factory=absent)


class Moment(Input):
    """When it happened."""

    at: Instant | None = Field(None, description="default: now; may lie in the past")


class Money(Moment):
    """How much money moved, and when."""

    amount_minor: Annotated[Minor, Field(ge=1)] | None = Field(None, description="default: all that is left")


class LineQuantity(Input):
    """How much of a line moved."""

    line_no: LineNo
    quantity: Quantity


def _lines_once(lines: list[LineQuantity]) -> list[LineQuantity]:
    if len({line.line_no for line in lines}) < len(lines):
        raise PydanticCustomError("line_twice", "A line stands here twice")
    return lines


class Goods(Moment):
    """Which goods moved, and when."""

    lines: Annotated[list[LineQuantity], Field(min_length=1, max_length=MAX_LINES), AfterValidator(_lines_once)] | None = Field(
        None, description="default: all that is left"
    )


class Cancellation(Moment):
    """When the order was called off, and why."""

    reason_id: UUID | None = None


class OrderLineRead(OrderLine):
    """A line as its owner shows it."""

    description: str | None = None


class OrderRead(OrderState):
    """An order as its owner shows it."""

    version: int
    updated_at: datetime
    lines: list[OrderLineRead]  # type: ignore[assignment]  # a list is invariant, but this one is only read
