"""Reading pipelines."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import ListQuery, Order, fetch_page, filtered

from .models import Pipeline

FIELDS: FilterFields = {
    "id": Field("id", Pipeline.id),
    "name": Field("text", Pipeline.name),
    "currency": Field("choice", Pipeline.currency),
    "status": Field("choice", Pipeline.status),
    "created_at": Field("instant", Pipeline.created_at),
}
ORDERS = {"created_at": Order(Pipeline.created_at, datetime), "name": Order(Pipeline.name, str)}


async def get_pipeline(session: AsyncSession, pipeline_id: UUID, *, lock: bool = False) -> Pipeline:
    """The pipeline, locked for a change if asked. Raises NotFound."""
    pipeline = await session.get(Pipeline, pipeline_id, with_for_update=lock or None)
    if pipeline is None:
        raise NotFound(f"There is no pipeline {pipeline_id}")
    return pipeline


async def find_pipelines(session: AsyncSession, pipeline_ids: Collection[UUID]) -> dict[UUID, Pipeline]:
    """Those of the pipelines that exist."""
    if not pipeline_ids:
        return {}
    return {pipeline.id: pipeline for pipeline in await session.scalars(select(Pipeline).where(Pipeline.id.in_(pipeline_ids)))}


async def find_active_pipelines(session: AsyncSession) -> Sequence[Pipeline]:
    """The pipelines in which something may be opened."""
    wanted = Pipeline.status == "active", Pipeline.archived_at.is_(None)
    return (await session.scalars(select(Pipeline).where(*wanted).order_by(Pipeline.id))).all()


async def list_pipelines(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> tuple[Sequence[Pipeline], str | None, int | None]:
    """A page of the pipelines that are not archived."""
    statement = filtered(select(Pipeline).where(Pipeline.archived_at.is_(None)), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Pipeline.id, orders=ORDERS, default="-created_at")
