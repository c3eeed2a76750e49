"""What contacts' events of requested consents bring about: a mail for each."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.deliveries import Delivery
from services.timers import arm_many

ASK = "ask_confirmation"


async def on_requested(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Have a mail written for each request that is to be confirmed by mail."""
    states: list[Any] = [delivery.event.state for delivery in deliveries]
    await arm_many(session, ASK, {str(state.id): now(session) for state in states if state.channel == "email"})
