"""The table of consents, and the silent one that remembers each of their steps."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record


class Consent(Record, Base):
    """How one contact stands to one purpose, channel and (where there is one) topic. The address that was seen is owner-held.

    `due_at` is when time changes it: the last moment to confirm a request, or the end of a consent.
    """

    __tablename__ = "consent"
    __table_args__ = (
        Index(
            "uq_consent_place",
            "tenant_id",
            "contact_id",
            "purpose",
            "channel",
            "topic_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_consent_created", "tenant_id", "created_at", "id"),
        Index("ix_consent_updated", "tenant_id", "updated_at", "id"),
        Index("ix_consent_due", "tenant_id", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )
    contact_id: Mapped[UUID]
    purpose: Mapped[str]
    channel: Mapped[str]
    topic_id: Mapped[UUID | None]
    status: Mapped[str]
    wording_version: Mapped[int]
    wording_language: Mapped[str]
    source: Mapped[str]
    proof: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    address_seen: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]


class ConsentStep(Base):
    """A consent as it stood after one of its events: what was known at an instant, and the proof of what was known then."""

    __tablename__ = "consent_step"
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    consent_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    recorded_at: Mapped[datetime]
    status: Mapped[str]
    wording_version: Mapped[int]
    wording_language: Mapped[str]
    source: Mapped[str]
    proof: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    address_seen: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
