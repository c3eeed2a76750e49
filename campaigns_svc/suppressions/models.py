"""The table of suppressions."""

from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Suppression(Record, Base):
    """An address, known by its keyed hash alone, that nothing is sent to."""

    __tablename__ = "suppression"
    __table_args__ = (
        Index("ix_suppression_created", "tenant_id", "created_at", "id"),
        Index("ix_suppression_address", "tenant_id", "address_hash"),
        Index(
            "uq_suppression_active",
            *("tenant_id", "channel", "scope", "topic_id", "address_hash"),
            unique=True,
            postgresql_where=text("status = 'active'"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    channel: Mapped[str]
    scope: Mapped[str]
    topic_id: Mapped[UUID | None]
    reason: Mapped[str]
    address_hash: Mapped[str]
    status: Mapped[str]
