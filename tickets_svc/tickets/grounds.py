"""Why a ticket went to whom it went: the reasons that every assignment carries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.events.tickets import AssignmentReason
from services.references import ContactReference, find_references

from .models import Ticket


@dataclass(frozen=True)
class Grounds:
    """The strategy that decided, the rule that asked for it, what it looked at, and what may be lost."""

    strategy: str
    reasons: Sequence[AssignmentReason] = ()
    rule_id: UUID | None = None
    expected_loss_minor: int | None = None


BY_HAND = Grounds("manual")


async def why_pulled(session: AsyncSession, ticket: Ticket, *, floor_minutes: int | None, by_loss: bool) -> Grounds:
    """The grounds of a case that an agent pulled: what is at stake, and whether it had waited beyond the floor."""
    reference = await find_reference(session, ticket.contact_id)
    waited = now(session) - ticket.opened_at
    reasons = why_at_stake(reference)
    if floor_minutes is not None and waited > timedelta(minutes=floor_minutes):
        reasons.append(AssignmentReason(code="waited_beyond_floor_seconds", number=int(waited.total_seconds())))
    loss = reference.value_at_risk_minor if reference else None
    return Grounds("pull_expected_loss" if by_loss else "pull_priority", reasons, expected_loss_minor=loss)


def why_at_stake(reference: ContactReference | None) -> list[AssignmentReason]:
    """What analytics last said of who asks; `no_score` where it said nothing yet."""
    if reference is None or reference.value_at_risk_minor is None:
        return [AssignmentReason(code="no_score", number=0)]
    seen = {
        "expected_loss_minor": reference.value_at_risk_minor,
        "churn_bps": reference.churn_bps,
        "lifetime_value_minor": reference.lifetime_value_minor,
    }
    return [AssignmentReason(code=code, number=number) for code, number in seen.items() if number is not None]


async def find_reference(session: AsyncSession, contact_id: UUID | None) -> ContactReference | None:
    """What is known of who asks."""
    return None if contact_id is None else (await find_references(session, [contact_id])).get(contact_id)
