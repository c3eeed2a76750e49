"""The table of queues."""

from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Queue(Record, Base):
    """A queue in which tickets wait."""

    __tablename__ = "queue"
    __table_args__ = (
        Index("ix_queue_created", "tenant_id", "created_at", "id"),
        Index("ix_queue_updated", "tenant_id", "updated_at", "id"),
        Index("ix_queue_name", "tenant_id", "name", "id"),
    )
    name: Mapped[str]
    tier: Mapped[int | None]
    team_ids: Mapped[list[str]]
    pull_by: Mapped[str]
    fairness_floor_minutes: Mapped[int | None]
    status: Mapped[str]
    external_ids: Mapped[list[dict[str, Any]]]
