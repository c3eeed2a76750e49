"""The table of campaigns."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Campaign(Record, Base):
    """A campaign. The values that it gives to a template's variables are owner-held: they never enter an event."""

    __tablename__ = "campaign"
    __table_args__ = (
        Index("ix_campaign_created", "tenant_id", "created_at", "id"),
        Index("ix_campaign_updated", "tenant_id", "updated_at", "id"),
    )
    name: Mapped[str]
    kind: Mapped[str]
    channel: Mapped[str]
    purpose: Mapped[str]
    topic_id: Mapped[UUID | None]
    audience_id: Mapped[UUID | None]
    template_id: Mapped[UUID | None]
    sender_id: Mapped[UUID | None]
    variables: Mapped[dict[str, Any]]
    goal: Mapped[dict[str, Any]]
    send_at: Mapped[datetime | None]
    throttle_per_minute: Mapped[int | None]
    cap_sends: Mapped[int | None]
    cap_days: Mapped[int | None]
    holdout_bps: Mapped[int]
    salt: Mapped[str]
    is_test: Mapped[bool]
    status: Mapped[str]
    approved_by: Mapped[UUID | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
