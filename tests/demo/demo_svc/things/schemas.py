"""The wire shapes of a thing."""

from datetime import datetime
from typing import Literal

from demo_svc.events import ThingState
from services.contracts import Amount
from services.wire import Input, LongText, ShortText


class ThingCreate(Input):
    """A new thing."""

    label: ShortText
    amount_minor: Amount = 0
    secret: LongText | None = None


class ThingPatch(Input):
    """What may be changed of a thing."""

    label: ShortText = ""
    amount_minor: Amount = 0
    secret: LongText | None = None


class ThingRead(ThingState):
    """A thing as its owner shows it."""

    version: int
    updated_at: datetime
    secret: str | None
    status: Literal["new", "used"]
