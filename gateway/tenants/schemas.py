"""The wire shapes of a tenant."""

from datetime import datetime

from pydantic import Field

from gateway.identity.schemas import EmailAddress, UserRead
from gateway.keys.schemas import KeyWithSecret
from services.contracts import Currency, Zone
from services.events.platform import TenantState
from services.wire import Input, ShortText


class FirstUser(Input):
    """Who runs the tenant."""

    email: EmailAddress
    name: ShortText


class TenantCreate(Input):
    """A new tenant. Time zone and currency are fixed for good."""

    name: ShortText
    time_zone: Zone
    currency: Currency
    admin: FirstUser


class TenantPatch(Input):
    """What may be changed of a tenant."""

    name: ShortText = ""
    activity_window_days: int = Field(365, ge=1, le=36_500, description="For how long a customer counts as active after a purchase")


class TenantRead(TenantState):
    """A tenant."""

    version: int
    updated_at: datetime


class TenantFounded(TenantRead):
    """A tenant that was just made, with its first user and its first key, whose secret is shown this once."""

    admin: UserRead
    key: KeyWithSecret
