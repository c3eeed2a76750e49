"""External ids: the names that other systems give our records, unique per tenant, noun and source."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import bindparam, delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.contracts import ExternalId
from services.database import Base, context_of


class ExternalIdRow(Base):
    """Who bears an external id. Working state beside the record, which shows the ids itself."""

    __tablename__ = "external_id"
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    noun: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[UUID]


async def find_bearers(session: AsyncSession, noun: str, keys: Sequence[ExternalId]) -> dict[ExternalId, UUID]:
    """The records of `noun` that bear any of `keys`."""
    if not keys:
        return {}
    rows = await session.execute(
        select(ExternalIdRow.source, ExternalIdRow.external_id, ExternalIdRow.record_id).where(
            ExternalIdRow.noun == noun, tuple_(ExternalIdRow.source, ExternalIdRow.external_id).in_([(k.source, k.id) for k in keys])
        )
    )
    return {ExternalId(source=source, id=id_): bearer for source, id_, bearer in rows}


async def claim(session: AsyncSession, noun: str, claims: Sequence[tuple[ExternalId, UUID]]) -> dict[ExternalId, UUID]:
    """Give each external id to its record unless somebody bears it; answers the bearer of every one of them.

    Waits for a concurrent claim of the same id to end (in sorted order, so two batches cannot lock each other out).
    """
    if not claims:
        return {}
    tenant_id = context_of(session).tenant_id
    rows = [
        {"tenant_id": tenant_id, "noun": noun, "source": key.source, "external_id": key.id, "record_id": record_id}
        for key, record_id in sorted(claims, key=lambda claim: (claim[0].source, claim[0].id))
    ]
    won = await session.execute(
        insert(ExternalIdRow).on_conflict_do_nothing().returning(ExternalIdRow.source, ExternalIdRow.external_id, ExternalIdRow.record_id),
        rows,
    )
    bearers = {ExternalId(source=source, id=id_): bearer for source, id_, bearer in won}
    bearers |= await find_bearers(session, noun, [key for key, _ in claims if key not in bearers])
    return bearers


async def release(session: AsyncSession, noun: str, claims: Sequence[tuple[ExternalId, UUID]]) -> None:
    """Take external ids from their records; what another record bears stays with it."""
    if not claims:
        return
    statement = delete(ExternalIdRow.__table__).where(  # type: ignore[arg-type]
        ExternalIdRow.noun == noun,
        ExternalIdRow.source == bindparam("old_source"),
        ExternalIdRow.external_id == bindparam("old_id"),
        ExternalIdRow.record_id == bindparam("old_bearer"),
    )
    await session.execute(statement, [{"old_source": key.source, "old_id": key.id, "old_bearer": bearer} for key, bearer in claims])
