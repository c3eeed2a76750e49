"""The table of routing rules, and the silent one of whose turn it is."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record


class RoutingRule(Record, Base):
    """A rule; `filter` is owner-held, since it may name what people wrote."""

    __tablename__ = "routing_rule"
    __table_args__ = (
        Index("ix_routing_rule_created", "tenant_id", "created_at", "id"),
        Index("ix_routing_rule_updated", "tenant_id", "updated_at", "id"),
        Index("ix_routing_rule_position", "tenant_id", "position", "id"),
    )
    name: Mapped[str]
    position: Mapped[int]
    filter: Mapped[str]
    strategy: Mapped[str]
    targets: Mapped[dict[str, Any]]
    fairness_floor_minutes: Mapped[int | None]
    stop: Mapped[bool]
    status: Mapped[str]
    external_ids: Mapped[list[dict[str, Any]]]


class RoutingTurn(Base):
    """When a rule last gave an agent a case."""

    __tablename__ = "routing_turn"
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(primary_key=True)
    given_at: Mapped[datetime]
