"""The wire shapes of the journal."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict

Types = Annotated[str, Query(max_length=2048, description="Comma-separated types; * at the end of one stands for any ending")]
Subject = Annotated[str | None, Query(max_length=200, pattern=r"^[a-z_]+/[A-Za-z0-9-]+$", description="noun/id")]
After = Annotated[str | None, Query(max_length=40, description="A position that an earlier answer named, such as g1-123")]


class JournaledEvent(BaseModel):
    """A CloudEvent (1.0, structured) with its place in the tenant's journal."""

    model_config = ConfigDict(extra="allow")
    seq: int
    specversion: str
    id: UUID
    type: str
    source: str
    subject: str
    time: datetime
    recordedtime: datetime
    tenantid: UUID
    sequence: int
    partitionkey: str
    actor: str
    correlationid: str
    data: dict[str, Any]


class EventPage(BaseModel):
    """Events in the order of the journal. `next_cursor` is null at the end; `position` is where to go on later in any case."""

    items: list[JournaledEvent]
    next_cursor: str | None
    position: str


class Latest(BaseModel):
    """The newest place in the journal."""

    seq: int
    position: str


class Version(BaseModel):
    """One version of a record: what changed, by whom, when it happened and when we learnt it, and what was true after it."""

    seq: int
    type: str
    version: int
    time: datetime
    recorded_at: datetime
    actor: str
    changed: list[str]
    state: dict[str, Any]


class History(BaseModel):
    """The versions of a record, oldest first. Owner-held fields are not in it."""

    items: list[Version]
    next_cursor: str | None
