"""Reading pipelines."""

from collections import namedtuple
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.kept_statements import KeptSelect
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Pipeline

FIELDS: FilterFields = {
    "id": Field("id", Pipeline.id),
    "name": Field("text", Pipeline.name),
    "currency": Field("choice", Pipeline.currency),
    "status": Field("choice", Pipeline.status),
    "created_at": Field("instant", Pipeline.created_at),
}
ORDERS = {"created_at": Order(Pipeline.created_at, datetime), "name": Order(Pipeline.name, str)}
FIND = KeptSelect(select(Pipeline.__table__).where(Pipeline.__table__.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))))
_Row = namedtuple("_Row", FIND.columns)  # type: ignore[misc]


async def get_pipeline(session: AsyncSession, pipeline_id: UUID, *, lock: bool = False) -> Pipeline:
    """The pipeline, locked for a change if asked. Raises NotFound."""
    pipeline = await session.get(Pipeline, pipeline_id, with_for_update=lock or None)
    if pipeline is None:
        raise NotFound(f"There is no pipeline {pipeline_id}")
    return pipeline


async def find_pipelines(session: AsyncSession, pipeline_ids: Collection[UUID]) -> dict[UUID, Pipeline]:
    """Those of the pipelines that exist: rows that read like pipelines and cannot be changed."""
    if not pipeline_ids:
        return {}
    rows: list[Any] = [_Row(*row) for row in await FIND.run(session, {"ids": list(pipeline_ids)})]
    return {row.id: cast("Pipeline", row) for row in rows}


async def find_active_pipelines(session: AsyncSession) -> Sequence[Pipeline]:
    """The pipelines in which something may be opened."""
    wanted = Pipeline.status == "active", Pipeline.archived_at.is_(None)
    return (await session.scalars(select(Pipeline).where(*wanted).order_by(Pipeline.id))).all()


async def list_pipelines(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the pipelines that are not archived."""
    statement = filtered(unarchived(Pipeline), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Pipeline.id, orders=ORDERS, default="-created_at")
