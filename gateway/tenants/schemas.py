"""The wire shapes of a tenant."""

from datetime import datetime

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


class TenantRead(TenantState):
    """A tenant."""

    version: int
    updated_at: datetime


class TenantFounded(TenantRead):
    """A tenant that was just made, with its first user and its first key, whose secret is shown this once."""

    admin: UserRead
    key: KeyWithSecret
