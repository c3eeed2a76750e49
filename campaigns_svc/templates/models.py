"""The table of templates."""

from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Template(Record, Base):
    """The words of a mail. Subject and bodies are owner-held: they never enter an event."""

    __tablename__ = "template"
    __table_args__ = (
        Index("ix_template_created", "tenant_id", "created_at", "id"),
        Index("ix_template_updated", "tenant_id", "updated_at", "id"),
    )
    name: Mapped[str]
    channel: Mapped[str]
    language: Mapped[str | None]
    subject: Mapped[str]
    html: Mapped[str | None]
    text: Mapped[str]
    variables: Mapped[list[str]]
    revision: Mapped[int]
    revises_id: Mapped[UUID | None]
    status: Mapped[str]
