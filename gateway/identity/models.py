"""The tables of users and teams."""

from uuid import UUID

from sqlalchemy import ARRAY, Index, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record


class User(Record, Base):
    """Somebody who works here. `email` (lower-case, unique in its tenant) and `name` are owner-held: they never enter an event."""

    __tablename__ = "tenant_user"
    __table_args__ = (
        Index("uq_tenant_user_email", "tenant_id", "email", unique=True),
        Index("ix_tenant_user_created", "tenant_id", "created_at", "id"),
    )
    email: Mapped[str]
    name: Mapped[str]
    status: Mapped[str]
    locale: Mapped[str | None]
    time_zone: Mapped[str | None]
    roles: Mapped[list[str]]
    team_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    manager_id: Mapped[UUID | None]


class Team(Record, Base):
    """People who work together; teams form a tree."""

    __tablename__ = "team"
    __table_args__ = (
        Index("ix_team_created", "tenant_id", "created_at", "id"),
        Index("ix_team_name", "tenant_id", "name", "id"),
    )
    name: Mapped[str]
    parent_id: Mapped[UUID | None]
