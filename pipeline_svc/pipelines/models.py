"""The table of pipelines, each with its stages in the row."""

from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Pipeline(Record, Base):
    """A way of selling. Its stages are a list: the active ones in their order, then the retired ones."""

    __tablename__ = "pipeline"
    __table_args__ = (
        Index("ix_pipeline_created", "tenant_id", "created_at", "id"),
        Index("ix_pipeline_name", "tenant_id", "name", "id"),
    )
    name: Mapped[str]
    currency: Mapped[str]
    stages: Mapped[list[dict[str, Any]]]
    status: Mapped[str]
    external_ids: Mapped[list[dict[str, Any]]]
