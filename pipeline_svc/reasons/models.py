"""The table of reasons."""

from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Reason(Record, Base):
    """A reason that people may choose. Its text is the tenant's own word, not about anybody."""

    __tablename__ = "reason"
    __table_args__ = (
        Index("ix_reason_created", "tenant_id", "created_at", "id"),
        Index("ix_reason_text", "tenant_id", "text", "id"),
    )
    kind: Mapped[str]
    text: Mapped[str]
    status: Mapped[str]
    external_ids: Mapped[list[dict[str, Any]]]
