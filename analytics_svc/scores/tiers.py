"""Tiers: the place of a customer among all by lifetime value. The first 1 % are top, the next 4 % big, 15 % medium, 80 % small.

Parts of a customer are rounded up, and ties go to the smaller contact id. Everybody's tier is settled hourly; between, customers
whose score is new are placed where they would stand, and nobody else is moved.
"""

from collections.abc import Sequence
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

Tier = Literal["top", "big", "medium", "small"]
TIERS: tuple[Tier, ...] = get_args(Tier)
SMALL_COMPANY = 10_000

TIER = """
CASE WHEN place <= (customers + 99) / 100 THEN 'top' WHEN place <= (5 * customers + 99) / 100 THEN 'big'
     WHEN place <= (20 * customers + 99) / 100 THEN 'medium' ELSE 'small' END
"""
SETTLE = """
WITH placed AS (
    SELECT contact_id, tier, row_number() OVER (ORDER BY lifetime_value_minor DESC, contact_id) AS place, count(*) OVER () AS customers
    FROM score WHERE lifetime_value_minor IS NOT NULL
), moved AS (
    SELECT contact_id, /*tier*/ AS now_tier FROM placed WHERE tier IS DISTINCT FROM /*tier*/
)
UPDATE score SET tier = now_tier FROM moved WHERE score.contact_id = moved.contact_id RETURNING score.contact_id
"""
COUNT = text("SELECT count(*) FROM score WHERE lifetime_value_minor IS NOT NULL")
PLACE = """
WITH listed AS (
    SELECT contact_id, lifetime_value_minor AS value FROM score
    WHERE contact_id = ANY(:contact_ids) AND lifetime_value_minor IS NOT NULL
), bounds AS MATERIALIZED (
    SELECT place, at.lifetime_value_minor AS value, at.contact_id
    FROM unnest(ARRAY[(:customers + 99) / 100, (5 * :customers + 99) / 100, (20 * :customers + 99) / 100]) AS place
    CROSS JOIN LATERAL (
        SELECT lifetime_value_minor, contact_id FROM score WHERE lifetime_value_minor IS NOT NULL
        ORDER BY lifetime_value_minor DESC, contact_id OFFSET place - 1 LIMIT 1
    ) AS at
), placed AS (
    SELECT contact_id, :customers AS customers, coalesce((
        SELECT min(place) FROM bounds
        WHERE listed.value > bounds.value OR listed.value = bounds.value AND listed.contact_id <= bounds.contact_id
    ), :customers) AS place
    FROM listed
)
UPDATE score SET tier = /*tier*/ FROM placed WHERE score.contact_id = placed.contact_id AND score.tier IS DISTINCT FROM /*tier*/
"""
SETTLE_TIERS = text(SETTLE.replace("/*tier*/", TIER))
PLACE_SOME = text(PLACE.replace("/*tier*/", TIER)).bindparams(bindparam("contact_ids", type_=ARRAY(Uuid)))


async def settle_tiers(session: AsyncSession) -> list[UUID]:
    """Settle the tier of every customer with a value; answers those whose tier moved."""
    return list(await session.scalars(SETTLE_TIERS))


async def place_among_tiers(session: AsyncSession, contact_ids: Sequence[UUID]) -> list[UUID]:
    """Give customers the tier that their value has among all; answers the others whose tier moved by it.

    In a small company everybody's is settled, which costs as little.
    """
    customers = await session.scalar(COUNT) or 0
    if customers <= SMALL_COMPANY:
        return await settle_tiers(session)
    await session.execute(PLACE_SOME, {"contact_ids": list(contact_ids), "customers": customers})
    return []
