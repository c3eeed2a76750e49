"""The table of activities."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Computed, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record

IS_OPEN = "archived_at IS NULL AND status IN ('planned', 'in_progress')"


class Activity(Record, Base):
    """An activity. `subject`, `outcome` and `notes` are owner-held: they never enter an event."""

    __tablename__ = "activity"
    __table_args__ = (
        Index("ix_activity_created", "tenant_id", "created_at", "id"),
        Index("ix_activity_updated", "tenant_id", "updated_at", "id"),
        Index("ix_activity_scheduled", "tenant_id", "scheduled_or_created_at", "id"),
        Index("ix_activity_contact", "tenant_id", "contact_id", "created_at", "id"),
        Index("ix_activity_about", "tenant_id", "about_id", "created_at", "id"),
        Index("ix_activity_open", "tenant_id", "owner_id", "scheduled_or_created_at", "id", postgresql_where=text(IS_OPEN)),
    )
    kind: Mapped[str]
    status: Mapped[str]
    subject: Mapped[str]
    outcome: Mapped[str | None]
    notes: Mapped[str | None]
    contact_id: Mapped[UUID | None]
    contact_ids: Mapped[list[str]]
    about: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    about_id: Mapped[UUID | None] = mapped_column(Computed("(about ->> 'id')::uuid", persisted=True))
    owner_id: Mapped[UUID | None]
    direction: Mapped[str]
    initiated_by: Mapped[str]
    purpose: Mapped[str]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    overdue_since: Mapped[datetime | None]
    scheduled_or_created_at: Mapped[datetime] = mapped_column(Computed("COALESCE(starts_at, due_at, created_at)", persisted=True))
    campaign_id: Mapped[UUID | None]
    external_ids: Mapped[list[dict[str, Any]]]
