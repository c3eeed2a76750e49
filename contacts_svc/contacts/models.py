"""The table of contacts, and the silent one that finds them by address."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record


class Contact(Record, Base):
    """A person or organization. Names, addresses, birthday, website and preferences are owner-held: they never enter an event."""

    __tablename__ = "contact"
    __table_args__ = (
        Index("ix_contact_created", "tenant_id", "created_at", "id"),
        Index("ix_contact_updated", "tenant_id", "updated_at", "id"),
        Index("ix_contact_name", "tenant_id", "display_name", "id"),
    )
    kind: Mapped[str]
    display_name: Mapped[str]
    given_name: Mapped[str | None]
    family_name: Mapped[str | None]
    legal_name: Mapped[str | None]
    emails: Mapped[list[dict[str, Any]]]
    phones: Mapped[list[dict[str, Any]]]
    addresses: Mapped[list[dict[str, Any]]]
    birth_on: Mapped[date | None]
    website: Mapped[str | None]
    preferences: Mapped[dict[str, Any]]
    language: Mapped[str | None]
    time_zone: Mapped[str | None]
    country: Mapped[str | None]
    owner_id: Mapped[UUID | None]
    team_ids: Mapped[list[dict[str, Any]]]
    roles: Mapped[list[str]]
    lifecycle: Mapped[str]
    lifecycle_since: Mapped[datetime]
    lifecycle_override: Mapped[str | None]
    industry: Mapped[str | None]
    size_band: Mapped[str | None]
    preferred_channel: Mapped[str | None]
    preferred_agent_id: Mapped[UUID | None]
    persona: Mapped[str | None]
    potential_minor: Mapped[int | None]
    currency: Mapped[str | None]
    origin: Mapped[dict[str, Any]]
    tags: Mapped[list[str]]
    external_ids: Mapped[list[dict[str, Any]]]


class ContactPoint(Base):
    """Which contact bears an e-mail address or number: what the lists of a contact say, laid out for an index.

    An index over the lists themselves would not be used: under row-level security PostgreSQL lets only leakproof operators reach an
    index, which `=` of text is and containment is not.
    """

    __tablename__ = "contact_point"
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
