"""The tables of opportunities and of the stages that they went through."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record


class Opportunity(Record, Base):
    """A sale that is followed. `name` and `next_step` are owner-held: they never enter an event."""

    __tablename__ = "opportunity"
    __table_args__ = (
        Index("ix_opportunity_created", "tenant_id", "created_at", "id"),
        Index("ix_opportunity_updated", "tenant_id", "updated_at", "id"),
        Index("ix_opportunity_opened", "tenant_id", "opened_at", "id"),
        Index("ix_opportunity_stage_since", "tenant_id", "stage_since", "id"),
        Index("ix_opportunity_amount", "tenant_id", "amount_minor", "id"),
        Index("ix_opportunity_contact", "tenant_id", "contact_id", "created_at", "id"),
        Index("ix_opportunity_owner", "tenant_id", "owner_id", "created_at", "id"),
        Index("ix_opportunity_open", "tenant_id", "pipeline_id", "stage_id", postgresql_where=text("status = 'open'")),
    )
    name: Mapped[str]
    contact_id: Mapped[UUID | None]
    opened_at: Mapped[datetime]
    contact_roles: Mapped[list[dict[str, Any]]]
    pipeline_id: Mapped[UUID]
    stage_id: Mapped[UUID]
    stage_since: Mapped[datetime]
    status: Mapped[str]
    currency: Mapped[str]
    amount_minor: Mapped[int]
    recurring_amount_minor: Mapped[int | None]
    recurring_interval: Mapped[str | None]
    probability_bps: Mapped[int]
    probability_source: Mapped[str]
    expected_close_on: Mapped[date | None]
    closed_at: Mapped[datetime | None]
    next_step: Mapped[str | None]
    source: Mapped[str | None]
    campaign_id: Mapped[UUID | None]
    partner_id: Mapped[UUID | None]
    channel: Mapped[str]
    competitor_ids: Mapped[list[str]]
    reason_id: Mapped[UUID | None]
    lines: Mapped[list[dict[str, Any]]]
    splits: Mapped[list[dict[str, Any]]]
    owner_id: Mapped[UUID | None]
    team_ids: Mapped[list[str]]
    stalled_since: Mapped[datetime | None]
    tags: Mapped[list[str]]
    external_ids: Mapped[list[dict[str, Any]]]


class StageEntry(Base):
    """An opportunity entered a stage, by its change to `version`. What its events tell already, kept for reading."""

    __tablename__ = "stage_entry"
    silent = True
    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    from_stage_id: Mapped[UUID | None]
    to_stage_id: Mapped[UUID]
    entered_at: Mapped[datetime]
    is_open: Mapped[bool]
