"""The table of agents, and the silent one of their presence."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record


class Agent(Record, Base):
    """A user who takes cases."""

    __tablename__ = "agent"
    __table_args__ = (
        Index("uq_agent_user", "tenant_id", "user_id", unique=True),
        Index("ix_agent_created", "tenant_id", "created_at", "id"),
        Index("ix_agent_updated", "tenant_id", "updated_at", "id"),
    )
    user_id: Mapped[UUID]
    skills: Mapped[list[dict[str, Any]]]
    languages: Mapped[list[str]]
    capacity: Mapped[int]
    status: Mapped[str]
    external_ids: Mapped[list[dict[str, Any]]]


class AgentPresence(Base):
    """Whether an agent is there just now; one who never said so is offline."""

    __tablename__ = "agent_presence"
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(primary_key=True)
    presence: Mapped[str]
    since: Mapped[datetime]
