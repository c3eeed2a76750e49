"""The wire shapes of mailboxes."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from services.contracts import Label
from services.events.tickets_messages import MailboxState
from services.wire import ExternalIds, Input, absent

Address = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,19}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}$")]
"""A local part of at most 20 characters, so that `+` and the token of a ticket have room in the 64 that mail allows."""


class MailboxCreate(Input):
    """A new mailbox."""

    name: Label
    address: Address = Field(description="kept here; never part of an event")
    queue_id: UUID | None = Field(None, description="where tickets wait that are opened from held mail")
    external_ids: ExternalIds = []


class MailboxPatch(Input):
    """What may be changed of a mailbox."""

    name: Label = Field(default_factory=absent)
    address: Address = Field(default_factory=absent)
    queue_id: UUID | None = None
    external_ids: ExternalIds = Field(default_factory=absent)


class MailboxRead(MailboxState):
    """A mailbox as its owner shows it."""

    version: int
    updated_at: datetime
    address: str
