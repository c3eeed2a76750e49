"""Asking for a run of the rules, once somebody waits or has room."""

from sqlalchemy.ext.asyncio import AsyncSession

from services.jobs import arm

from .queries import has_active_rules

KIND, KEY = "route_waiting", "all"


async def ask_for_routing(session: AsyncSession) -> None:
    """Have what waits routed soon, where anything routes here. The last thing that a transaction does, since it waits for others."""
    if await has_active_rules(session):
        await arm_routing(session)


async def arm_routing(session: AsyncSession) -> None:
    """The same for who knows already that something routes here."""
    await arm(session, KIND, KEY)
