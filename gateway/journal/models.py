"""The tables of the journal."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base


class JournalHead(Base):
    """The newest `seq` of a tenant. Its row is locked by whoever appends, so `seq` has no gaps and n is seen only after n - 1.

    `generation` is raised by hand when a journal was restored from a backup that lacks its end: positions given out before it differ.
    """

    __tablename__ = "journal_head"
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    generation: Mapped[int]
    seq: Mapped[int]


class JournalEntry(Base):
    """One event as it came, structured CloudEvents JSON, with its place."""

    __tablename__ = "journal_entry"
    __table_args__ = (
        Index("uq_journal_entry_subject", "tenant_id", "subject", "sequence", unique=True),
        Index("ix_journal_entry_type", "tenant_id", "type", "seq"),
    )
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[UUID]
    type: Mapped[str]
    subject: Mapped[str]
    sequence: Mapped[int]
    recorded_at: Mapped[datetime]
    event: Mapped[str] = mapped_column(Text)


class JournalMention(Base):
    """That an event of the journal names a contact; when it happened and what it befell stand here too, so that they can be asked for."""

    __tablename__ = "journal_mention"
    __table_args__ = (Index("ix_journal_mention_time", "tenant_id", "contact_id", "occurred_at", "event_id"),)
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int]
    noun: Mapped[str]
    type: Mapped[str]
    occurred_at: Mapped[datetime]
