"""The wire shapes of messages."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from services.events.tickets_messages import MessageKind, MessageState
from services.wire import NO_NUL, Input
from tickets_svc.tickets.schemas import Moment

Words = Annotated[str, StringConstraints(min_length=1, max_length=100_000, pattern=NO_NUL)]


class MessageCreate(Moment):
    """A note among the staff, or a reply that the customer sees."""

    kind: MessageKind = "public"
    text: Words = Field(description="kept here; never part of an event")
    html: Words | None = Field(None, description="what of it is safe is kept")
    mailbox_id: UUID | None = Field(None, description="send the reply by mail from here; default: where the customer wrote to, if by mail")


class MessageRead(MessageState):
    """A message as its owner shows it."""

    version: int
    updated_at: datetime
    text: str
    html: str | None
    sender_address: str | None = None
    subject_line: str | None = None


class Release(Input):
    """The ticket that a held mail joins; none: a new one."""

    ticket_id: UUID | None = None
