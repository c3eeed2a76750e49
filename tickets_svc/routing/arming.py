"""Asking for a run of the rules, once somebody waits or has room."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.timers import arm

from .queries import has_active_rules

KIND, KEY, LATE = "route_waiting", "all", "late"
LONGEST = timedelta(minutes=1)
"""Longer than a transaction lasts."""


async def ask_for_routing(session: AsyncSession) -> None:
    """Have what waits routed soon, where anything routes here. The last thing that a transaction does, since it waits for others."""
    if await has_active_rules(session):
        await arm_routing(session)


async def arm_routing(session: AsyncSession) -> None:
    """The same for who knows already that something routes here."""
    await arm(session, KIND, KEY)


async def ask_for_routing_again(session: AsyncSession) -> None:
    """Have what waits routed soon and once more later: tickets that are being opened just now have seen that nothing routes here."""
    await arm_routing(session)
    await arm(session, KIND, LATE, run_at=now(session) + LONGEST)
