"""External ids: the names that other systems give our records, unique per tenant, noun and source."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, bindparam, delete, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.contracts import ExternalId
from services.database import Base, context_of

CLAIM = text("""
INSERT INTO external_id (tenant_id, noun, source, external_id, record_id)
SELECT :tenant, :noun, source, external_id, record_id
FROM unnest(:sources, :ids, :records) AS wanted (source, external_id, record_id)
ON CONFLICT DO NOTHING RETURNING source, external_id, record_id
""").bindparams(
    bindparam("tenant", type_=Uuid),
    bindparam("sources", type_=ARRAY(Text)),
    bindparam("ids", type_=ARRAY(Text)),
    bindparam("records", type_=ARRAY(Uuid)),
)
# OFFSET 0 keeps the look-up a look-up: as a plain join, a table that was not analysed yet is read whole, once for each id.
FIND = text("""
SELECT wanted.source, wanted.external_id, record_id
FROM unnest(:sources, :ids) AS wanted (source, external_id), LATERAL (
    SELECT record_id FROM external_id AS known
    WHERE noun = :noun AND known.source = wanted.source AND known.external_id = wanted.external_id OFFSET 0
) AS bearer
""").bindparams(bindparam("sources", type_=ARRAY(Text)), bindparam("ids", type_=ARRAY(Text)))


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
    wanted = {(key.source, key.id): key for key in keys}
    arrays = {"sources": [source for source, _ in wanted], "ids": [id_ for _, id_ in wanted]}
    found = await session.execute(FIND, {"noun": noun, **arrays})
    return {wanted[source, id_]: bearer for source, id_, bearer in found}


async def claim(session: AsyncSession, noun: str, claims: Sequence[tuple[ExternalId, UUID]]) -> dict[ExternalId, UUID]:
    """Give each external id to its record unless somebody bears it; answers the bearer of every one of them.

    Of two claims of one id the first wins. Waits for a concurrent claim of the same id to end (in sorted order, so two batches cannot
    lock each other out).
    """
    if not claims:
        return {}
    wanted = {(key.source, key.id): key for key, _ in claims}
    ordered = sorted(claims, key=lambda claim: (claim[0].source, claim[0].id))
    arrays = {
        "sources": [key.source for key, _ in ordered],
        "ids": [key.id for key, _ in ordered],
        "records": [record_id for _, record_id in ordered],
    }
    won = await session.execute(CLAIM, {"tenant": context_of(session).tenant_id, "noun": noun, **arrays})
    bearers = {wanted[source, id_]: bearer for source, id_, bearer in won}
    if len(bearers) < len(wanted):
        bearers |= await find_bearers(session, noun, [key for key in wanted.values() if key not in bearers])
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
