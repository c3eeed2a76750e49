"""The table of tickets."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped

from services.database import Base, Record

LIVE = "status NOT IN ('resolved', 'closed')"
WAITING = "assignee_id IS NULL AND archived_at IS NULL AND status IN ('new', 'open')"


class Ticket(Record, Base):
    """A ticket. `subject_line` and the texts of the checklist are owner-held: they never enter an event."""

    __tablename__ = "ticket"
    __table_args__ = (
        Index("uq_ticket_number", "tenant_id", "number", unique=True),
        Index("ix_ticket_created", "tenant_id", "created_at", "id"),
        Index("ix_ticket_updated", "tenant_id", "updated_at", "id"),
        Index("ix_ticket_opened", "tenant_id", "opened_at", "id"),
        Index("ix_ticket_contact", "tenant_id", "contact_id", "created_at", "id"),
        Index("ix_ticket_waiting", "tenant_id", "queue_id", "opened_at", "id", postgresql_where=text(WAITING)),
        Index("ix_ticket_assignee", "tenant_id", "assignee_id", postgresql_where=text(LIVE)),
    )
    number: Mapped[int]
    subject_line: Mapped[str]
    type: Mapped[str]
    status: Mapped[str]
    status_since: Mapped[datetime]
    status_name: Mapped[str | None]
    priority: Mapped[str]
    queue_id: Mapped[UUID | None]
    assignee_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    organization_id: Mapped[UUID | None]
    opened_at: Mapped[datetime]
    channel: Mapped[str]
    product_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None]
    topic: Mapped[str | None]
    tags: Mapped[list[str]]
    watchers: Mapped[list[str]]
    parent_id: Mapped[UUID | None]
    links: Mapped[list[dict[str, Any]]]
    checklist: Mapped[list[dict[str, Any]]]
    complaint: Mapped[dict[str, Any] | None]
    escalation_level: Mapped[int]
    pending_until_at: Mapped[datetime | None]
    first_responded_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    reopened_count: Mapped[int]
    value_at_risk_minor: Mapped[int | None]
    external_ids: Mapped[list[dict[str, Any]]]
