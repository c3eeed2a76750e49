"""The ledger of sends, and the queue of those who are still to be written to."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record


class Send(Record, Base):
    """One recipient of one campaign, as it ended: sent, skipped or failed. A recipient stands here or in the queue, never in both."""

    __tablename__ = "send"
    __table_args__ = (
        Index("uq_send_recipient", "tenant_id", "campaign_id", "contact_id", "occurrence", unique=True),
        Index("ix_send_created", "tenant_id", "created_at", "id"),
        Index("ix_send_address", "tenant_id", "campaign_id", "address_hash"),
        Index("ix_send_contact", "tenant_id", "contact_id", "sent_at"),
        Index("ix_send_sender", "tenant_id", "sender_id", "sent_at"),
    )
    campaign_id: Mapped[UUID]
    contact_id: Mapped[UUID]
    occurrence: Mapped[int]
    channel: Mapped[str]
    arm: Mapped[str]
    status: Mapped[str]
    skip_reason: Mapped[str | None]
    code: Mapped[int | None]
    consent_id: Mapped[UUID | None]
    sender_id: Mapped[UUID | None]
    template_id: Mapped[UUID | None]
    cost_minor: Mapped[int]
    lifecycle_then: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    opens: Mapped[int]
    clicks: Mapped[int]
    machine_hits: Mapped[int]
    address_hash: Mapped[str | None]


class QueuedSend(Base):
    """A recipient who is still to be written to (`planned`), just now is (`claimed`), or of whom nobody can say (`unknown`)."""

    __tablename__ = "send_queue"
    __table_args__ = (
        Index("uq_send_queue_recipient", "tenant_id", "campaign_id", "contact_id", "occurrence", unique=True),
        Index("ix_send_queue_state", "tenant_id", "campaign_id", "state", "id"),
    )
    silent = True
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    campaign_id: Mapped[UUID]
    contact_id: Mapped[UUID]
    occurrence: Mapped[int]
    state: Mapped[str]
    claimed_at: Mapped[datetime | None]
    address_hash: Mapped[str | None]
    consent_id: Mapped[UUID | None]
    lifecycle_then: Mapped[str | None]
