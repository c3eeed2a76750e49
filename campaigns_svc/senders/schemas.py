"""The wire shapes of senders."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from services.contracts import Code, Currency
from services.events.campaigns import SenderState
from services.wire import Input, ShortText

ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,100}[A-Za-z0-9])?\.[A-Za-z]{2,24}$"
Address = Annotated[str, StringConstraints(pattern=ADDRESS, max_length=190)]
HeaderText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Limit = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]
Cost = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class SenderCreate(Input):
    """A new sender: a draft until it is verified."""

    name: ShortText
    from_name: HeaderText = Field(description="stands before the address in the mail; never part of an event")
    from_address: Address = Field(description="never part of an event")
    reply_address: Address | None = None
    per_minute: Limit | None = Field(None, description="the most messages in a minute")
    per_day: Limit | None = Field(None, description="the most messages in 24 hours")
    cost_minor: Cost = Field(0, description="what one message costs, in minor units of `currency`")
    currency: Currency | None = None


class SenderPatch(Input):
    """What may be changed of a sender; the address only while it is a draft."""

    name: ShortText = ""
    from_name: HeaderText = ""
    from_address: Address = ""
    reply_address: Address | None = None
    per_minute: Limit | None = None
    per_day: Limit | None = None
    cost_minor: Cost = 0
    currency: Currency | None = None


class Blocking(Input):
    """Why nothing is sent any more."""

    reason_code: Code | None = None


class SenderRead(SenderState):
    """A sender as its owner shows it."""

    version: int
    updated_at: datetime
    from_name: str
    from_address: str
    reply_address: str | None
