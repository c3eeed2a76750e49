"""The table of models."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Model(Record, Base):
    """A fitted model, with its parameters as decimal text (see `services.events.analytics.ModelState`)."""

    __tablename__ = "model"
    __table_args__ = (
        Index("ix_model_created", "tenant_id", "created_at", "id"),
        Index("uq_model_champion", "tenant_id", "kind", unique=True, postgresql_where=text("status = 'champion'")),
    )
    kind: Mapped[str]
    family: Mapped[str]
    status: Mapped[str]
    validated: Mapped[bool]
    window_from: Mapped[date]
    window_to: Mapped[date]
    known_at: Mapped[datetime]
    customers: Mapped[int]
    log_likelihood: Mapped[str]
    parameters: Mapped[list[dict[str, Any]]]
    currency: Mapped[str | None]
    margin_rate: Mapped[str | None]
