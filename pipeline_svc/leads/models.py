"""The table of leads."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped

from services.database import Base, Record

OPEN = ("new", "working", "qualified", "recycled")
"""The states in which a lead is somebody's work."""
IS_OPEN = "archived_at IS NULL AND status IN ('new', 'working', 'qualified', 'recycled')"


class Lead(Record, Base):
    """A lead. `interest` is owner-held: it never enters an event."""

    __tablename__ = "lead"
    __table_args__ = (
        Index("ix_lead_created", "tenant_id", "created_at", "id"),
        Index("ix_lead_updated", "tenant_id", "updated_at", "id"),
        Index("ix_lead_opened", "tenant_id", "opened_at", "id"),
        Index("ix_lead_contact", "tenant_id", "contact_id", "created_at", "id"),
        Index("ix_lead_open", "tenant_id", "owner_id", "opened_at", "id", postgresql_where=text(IS_OPEN)),
    )
    contact_id: Mapped[UUID]
    organization_id: Mapped[UUID | None]
    source: Mapped[str]
    form_submission_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    interest: Mapped[str | None]
    expected_amount_minor: Mapped[int | None]
    currency: Mapped[str | None]
    score_bps: Mapped[int | None]
    status: Mapped[str]
    opened_at: Mapped[datetime]
    first_response_at: Mapped[datetime | None]
    disqualify_reason_id: Mapped[UUID | None]
    opportunity_id: Mapped[UUID | None]
    external_ids: Mapped[list[dict[str, Any]]]
