"""What following one of our links does."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns_svc.sends.models import Send
from campaigns_svc.suppressions.models import Suppression
from campaigns_svc.suppressions.operations import Bar, bar_addresses
from services.database import context_of, now
from services.events.campaigns import SubscriptionState, SubscriptionUnsubscribed
from services.events.campaigns_sends import SendClicked, SendOpened, SendState
from services.identifiers import new_id
from services.outbox import Written, record, record_many

from . import rules


@dataclass(frozen=True, slots=True)
class Hit:
    """A link of a send was followed: what a browser said of itself is looked at, and not kept."""

    kind: Literal["open", "click"]
    agent: str
    purpose: str
    link_id: str = ""


async def note_hit(session: AsyncSession, send_id: UUID, hit: Hit) -> None:
    """Count an open or a click, a person's apart from a machine's. A send that is not in the ledger is not counted."""
    send = await session.get(Send, send_id, with_for_update=True)
    if send is None:
        return
    since = now(session) - send.sent_at if send.sent_at is not None else None
    reason = rules.decide_machine(agent=hit.agent, purpose=hit.purpose, since_sent=since, is_open=hit.kind == "open")
    if reason is not None:
        send.machine_hits += 1
    elif hit.kind == "open":
        send.opens += 1
    else:
        send.clicks += 1
    state = SendState.model_validate(send)
    told: dict[str, Any] = {"state": state, "machine": reason is not None, "machine_reason": reason}
    await record(session, send, SendOpened(**told) if hit.kind == "open" else SendClicked(**told, link_id=hit.link_id))


async def unsubscribe(session: AsyncSession, *, address_hash: str, state: SubscriptionState) -> bool:
    """Bar the address at once, and tell contacts so that the consent is withdrawn; answers whether anything was still to be done."""
    made = await bar_addresses(session, [Bar(address_hash, "unsubscribe", state.topic_id)])
    if not made and await _has_unsubscribed(session, address_hash, state.topic_id):
        return False
    key = f"{context_of(session).tenant_id}:{state.contact_id}"
    await record_many(session, [(Written(state.id, 1, key, state.created_at), SubscriptionUnsubscribed(state=state), None)])
    return True


def subscription_of(session: AsyncSession, said: dict[str, str]) -> SubscriptionState:
    """What the link of a mail says that its reader no longer wants."""
    return SubscriptionState(
        id=new_id(),
        created_at=now(session),
        contact_id=UUID(said["c"]),
        channel="email",
        purpose=said["p"],
        topic_id=UUID(said["o"]) if "o" in said else None,
        campaign_id=UUID(said["g"]),
    )


async def _has_unsubscribed(session: AsyncSession, address_hash: str, topic_id: UUID | None) -> bool:
    barred = Suppression.address_hash == address_hash, Suppression.status == "active", Suppression.reason == "unsubscribe"
    reach = Suppression.topic_id.is_(None) if topic_id is None else Suppression.topic_id == topic_id
    return await session.scalar(select(Suppression.id).where(*barred, reach).limit(1)) is not None
