"""The table of consent purposes."""

from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class ConsentPurpose(Record, Base):
    """What consents are for. Each wording is {language, version, text, since}; none is ever changed, a new version is added."""

    __tablename__ = "consent_purpose"
    __table_args__ = (
        Index("uq_consent_purpose_key", "tenant_id", "key", unique=True),
        Index("ix_consent_purpose_created", "tenant_id", "created_at", "id"),
    )
    key: Mapped[str]
    name: Mapped[str]
    channels: Mapped[list[str]]
    valid_days: Mapped[int | None]
    wordings: Mapped[list[dict[str, Any]]]
    external_ids: Mapped[list[dict[str, Any]]]
