"""Reading what is known of contacts, for their lifecycle."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from .models import ContactOrder, ContactStanding
from .rules import Standing


async def find_standings(session: AsyncSession, contacts: Mapping[UUID, Any]) -> dict[UUID, Standing]:
    """What is known of each contact. They must be locked, so that what others learn of them meanwhile is seen by who comes last."""
    bought = select(ContactOrder.contact_id, func.max(ContactOrder.bought_at)).where(ContactOrder.contact_id.in_(contacts))
    purchases = {row[0]: row[1] for row in await session.execute(bought.group_by(ContactOrder.contact_id))}
    columns = (ContactStanding.contact_id, ContactStanding.interacted_at, ContactStanding.disqualified_at)
    known = {row[0]: row for row in await session.execute(select(*columns).where(ContactStanding.contact_id.in_(contacts)))}
    found = {}
    for contact_id, contact in contacts.items():
        _, interacted_at, disqualified_at = known.get(contact_id, (None, None, None))
        found[contact_id] = Standing(
            is_held=contact["lifecycle_override"] is not None,
            bought_at=purchases.get(contact_id),
            has_interacted=interacted_at is not None,
            is_disqualified=disqualified_at is not None,
        )
    return found


async def bearers_of(session: AsyncSession, order_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The contacts of the orders that are known."""
    rows = await session.execute(select(ContactOrder.order_id, ContactOrder.contact_id).where(ContactOrder.order_id.in_(order_ids)))
    return {row[0]: row[1] for row in rows}
