"""Barring addresses, and lifting what bars them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import birth
from services.events.campaigns import SuppressionAdded, SuppressionLifted, SuppressionReason, SuppressionState
from services.identifiers import new_id
from services.outbox import record, record_many

from . import rules
from .models import Suppression
from .queries import get_suppression


@dataclass(frozen=True, slots=True)
class Bar:
    """What is to be barred, and why."""

    address_hash: str
    reason: SuppressionReason
    topic_id: UUID | None = None


def state_of(suppression: Suppression) -> SuppressionState:
    """The public state of a suppression."""
    return SuppressionState.model_validate(suppression)


async def bar_addresses(session: AsyncSession, bars: Sequence[Bar]) -> list[Suppression]:
    """Write the suppressions that are not there yet, and their events; answers those."""
    if not bars:
        return []
    rows = [
        {
            **birth(session, new_id()),
            "channel": "email",
            "scope": "topic" if bar.topic_id else "tenant",
            "topic_id": bar.topic_id,
            "reason": bar.reason,
            "address_hash": bar.address_hash,
            "status": "active",
        }
        for bar in sorted(bars, key=lambda bar: bar.address_hash)
    ]
    statement = insert(Suppression).on_conflict_do_nothing().returning(Suppression.id)
    written = set(await session.scalars(statement, rows))
    made = [Suppression(**row) for row in rows if row["id"] in written]
    await record_many(session, [(suppression, SuppressionAdded(state=state_of(suppression)), None) for suppression in made])
    return made


async def create_suppression(session: AsyncSession, bar: Bar) -> Suppression:
    """Bar one address. Raises SuppressedAlready."""
    made = await bar_addresses(session, [bar])
    if not made:
        raise rules.SuppressedAlready("Nothing is sent to this address already")
    return made[0]


async def lift_suppression(session: AsyncSession, suppression_id: UUID) -> Suppression:
    """Bar the address no longer. Raises NotFound, WrongState, NeverLifted."""
    suppression = await get_suppression(session, suppression_id, lock=True)
    rules.check_can_lift(suppression.status, suppression.reason)
    suppression.status = "lifted"
    await record(session, suppression, SuppressionLifted(state=state_of(suppression)))
    return suppression
