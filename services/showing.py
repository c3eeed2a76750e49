"""The answer that shows one record, read and written as a row: no record is made of it and nothing is validated again."""

from functools import cache
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import Base
from services.encoding import encode
from services.errors import NotFound
from services.kept_statements import KeptSelect
from services.preconditions import stamp_version
from services.row_json import row_writer


@cache
def _by_id(table: type[Base]) -> KeptSelect:
    columns = table.__table__.c
    return KeptSelect(select(*columns).where(columns.id == bindparam("id")))


async def show_record(session: AsyncSession, table: type[Base], record_id: UUID, *, schema: type[BaseModel], noun: str) -> Response:
    """The record of that id as `schema` shows it, with its ETag and Mitra-Version. Raises NotFound."""
    record = _by_id(table)
    rows = await record.rows(session, {"id": record_id})
    if not rows:
        raise NotFound(f"There is no {noun.replace('_', ' ')} {record_id}")
    response = Response(encode(row_writer(schema, record.columns)(rows[0])), media_type="application/json")
    stamp_version(response, noun, record_id, rows[0][record.columns.index("version")])
    return response
