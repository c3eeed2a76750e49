"""The table of assignment rules, and the silent ones beside it: whose turn it is, and who is being given work just now."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record


class AssignmentRule(Record, Base):
    """A rule. `filter` is owner-held: it never enters an event."""

    __tablename__ = "assignment_rule"
    __table_args__ = (
        Index("ix_assignment_rule_created", "tenant_id", "created_at", "id"),
        Index("ix_assignment_rule_updated", "tenant_id", "updated_at", "id"),
        Index("ix_assignment_rule_order", "tenant_id", "order", "id"),
    )
    noun: Mapped[str]
    order: Mapped[int]
    filter: Mapped[str]
    strategy: Mapped[str]
    targets: Mapped[list[dict[str, Any]]]
    max_share_bps: Mapped[int | None]
    status: Mapped[str]
    external_ids: Mapped[list[dict[str, Any]]]


class AssignmentTurn(Base):
    """How much a rule gave a user since the rule's targets are what they are."""

    __tablename__ = "assignment_turn"
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    given: Mapped[int]


class Assignee(Base):
    """A user whom rules give work. Whoever gives it holds this row, so that two of them cannot both fill the last place."""

    __tablename__ = "assignee"
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
