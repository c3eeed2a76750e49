"""The table of messages."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record


class Message(Record, Base):
    """A message. What is said, and who said it under which address, is owner-held: it never enters an event."""

    __tablename__ = "message"
    __table_args__ = (
        Index("ix_message_ticket_happened", "tenant_id", "ticket_id", "happened_at", "id"),
        Index("ix_message_ticket_created", "tenant_id", "ticket_id", "created_at", "id"),
        Index("ix_message_mailbox_happened", "tenant_id", "mailbox_id", "happened_at", "id"),
        Index("ix_message_mailbox_created", "tenant_id", "mailbox_id", "created_at", "id"),
        Index("ix_message_mail", "tenant_id", "mail_id"),
        Index("uq_message_received", "tenant_id", "mailbox_id", "mail_id", unique=True, postgresql_where=sa.text("direction = 'in'")),
    )
    ticket_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    kind: Mapped[str]
    direction: Mapped[str]
    channel: Mapped[str]
    author_id: Mapped[UUID | None]
    status: Mapped[str]
    happened_at: Mapped[datetime]
    text: Mapped[str]
    html: Mapped[str | None]
    bytes: Mapped[int]
    auto_reply: Mapped[bool]
    mailbox_id: Mapped[UUID | None]
    mail_id: Mapped[str | None]
    in_reply_to: Mapped[str | None]
    sender_address: Mapped[str | None]
    subject_line: Mapped[str | None]
    held_reason: Mapped[str | None]


class MailOut(Base):
    """A reply on its way to the mail server: claimed and committed before the server is asked, so that it is never sent twice.

    `unknown` is a reply that was in the hands of a worker that died, or of a connection that broke: it is never sent again blindly.
    """

    __tablename__ = "mail_out"
    __table_args__ = (Index("ix_mail_out_ticket", "tenant_id", "ticket_id"),)
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID]
    state: Mapped[str]
    address_hash: Mapped[str | None]
    updated_at: Mapped[datetime]
