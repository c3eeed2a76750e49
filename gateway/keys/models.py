"""The table of keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Key(Record, Base):
    """A key. It is read before its tenant is known, so the table has no row-level security and every query of the noun compares the
    tenant itself. `secret_hash` is the SHA-256 of a secret of 256 random bits, for which no slow derivation is needed.
    """

    __tablename__ = "key"
    __table_args__ = (
        Index("uq_key_prefix", "prefix", unique=True),
        Index("ix_key_created", "tenant_id", "created_at", "id"),
    )
    kit_only = True
    name: Mapped[str]
    prefix: Mapped[str]
    secret_hash: Mapped[str]
    user_id: Mapped[UUID]
    scopes: Mapped[list[str]]
    status: Mapped[str]
    expires_at: Mapped[datetime | None]
