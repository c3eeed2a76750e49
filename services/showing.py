"""The answer that shows one record, read and written as a row: no record is made of it and nothing is validated again."""

from functools import cache
from typing import Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import Base
from services.encoding import encode
from services.errors import NotFound
from services.preconditions import stamp
from services.row_json import row_writer


@cache
def _by_id(table: type[Base]) -> Select[Any]:
    columns = table.__table__.c
    return select(*columns).where(columns.id == bindparam("id"))


async def show_record(session: AsyncSession, table: type[Base], record_id: UUID, *, schema: type[BaseModel], noun: str) -> Response:
    """The record of that id as `schema` shows it, with its ETag and Mitra-Version. Raises NotFound."""
    row = (await session.execute(_by_id(table), {"id": record_id})).one_or_none()
    if row is None:
        raise NotFound(f"There is no {noun.replace('_', ' ')} {record_id}")
    response = Response(encode(row_writer(schema, row._fields)(row)), media_type="application/json")
    stamp(response, noun, row)
    return response
