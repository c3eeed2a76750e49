"""Writing the ledger and moving the queue, set-based. A recipient leaves the queue in the transaction that writes the ledger."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, bindparam, delete, insert, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns_svc.campaigns.models import Campaign
from services.database import birth, context_of, now
from services.events.campaigns import Arm
from services.events.campaigns_sends import SendFailed, SendSent, SendSkipped, SendState
from services.identifiers import new_id
from services.outbox import Written, record_many

from .models import QueuedSend, Send

Values = dict[str, Any]
EVENTS = {"sent": SendSent, "skipped": SendSkipped, "failed": SendFailed}
UNTOUCHED: Values = {
    "skip_reason": None,
    "code": None,
    "consent_id": None,
    "template_id": None,
    "sender_id": None,
    "cost_minor": 0,
    "lifecycle_then": None,
    "sent_at": None,
    "address_hash": None,
    "opens": 0,
    "clicks": 0,
    "machine_hits": 0,
}
PLAN = text("""
INSERT INTO send_queue (id, tenant_id, campaign_id, contact_id, occurrence, state)
SELECT id, :tenant_id, :campaign_id, contact_id, 0, 'planned' FROM unnest(:ids, :contact_ids) AS recipient (id, contact_id)
""").bindparams(*(bindparam(name, type_=ARRAY(Uuid)) for name in ("ids", "contact_ids")))
CLAIM = text("""
UPDATE send_queue AS queued
SET state = 'claimed', claimed_at = :at, address_hash = mine.address_hash, consent_id = mine.consent_id, lifecycle_then = mine.lifecycle
FROM unnest(:ids, :address_hashes, :consent_ids, :lifecycles) AS mine (id, address_hash, consent_id, lifecycle)
WHERE queued.id = mine.id AND queued.state = 'planned'
RETURNING queued.id
""").bindparams(
    *(bindparam(name, type_=ARRAY(Uuid)) for name in ("ids", "consent_ids")),
    *(bindparam(name, type_=ARRAY(Text)) for name in ("address_hashes", "lifecycles")),
)


class Claimed(Protocol):
    """A recipient in whose name a message was handed over, or may have been."""

    @property
    def id(self) -> UUID: ...
    @property
    def contact_id(self) -> UUID: ...
    @property
    def address_hash(self) -> str | None: ...
    @property
    def consent_id(self) -> UUID | None: ...
    @property
    def lifecycle_then(self) -> str | None: ...


async def plan_recipients(session: AsyncSession, campaign_id: UUID, contact_ids: Sequence[UUID]) -> None:
    """Put contacts into the queue, in one statement."""
    ids = [new_id() for _ in contact_ids]
    place = {"tenant_id": context_of(session).tenant_id, "campaign_id": campaign_id}
    await session.execute(PLAN, {**place, "ids": ids, "contact_ids": list(contact_ids)})


async def claim_recipients(session: AsyncSession, claims: Mapping[UUID, tuple[str, UUID, str | None]]) -> set[UUID]:
    """Take planned recipients by id, each with its address hash, consent and lifecycle. Answers those that were still to be taken."""
    if not claims:
        return set()
    hashes, consents, lifecycles = (list(column) for column in zip(*claims.values(), strict=True))
    values = {"ids": list(claims), "address_hashes": hashes, "consent_ids": consents, "lifecycles": lifecycles}
    return set(await session.scalars(CLAIM, {**values, "at": now(session)}))


async def take_from_queue(session: AsyncSession, ids: Sequence[UUID], states: Sequence[str]) -> set[UUID]:
    """Delete from the queue those that are in one of `states`; answers which: only they may be written to the ledger."""
    if not ids:
        return set()
    taken = delete(QueuedSend).where(QueuedSend.id.in_(ids), QueuedSend.state.in_(states)).returning(QueuedSend.id)
    return set(await session.scalars(taken, execution_options={"synchronize_session": False}))


async def put_back(session: AsyncSession, ids: Sequence[UUID], *, was: str, state: str) -> None:
    """Move those of the queue that are `was` to another state; who is planned again is claimed by nobody."""
    if ids:
        values: Values = {"state": state} | ({"claimed_at": None, "address_hash": None} if state == "planned" else {})
        moved = update(QueuedSend).where(QueuedSend.id.in_(ids), QueuedSend.state == was).values(values)
        await session.execute(moved, execution_options={"synchronize_session": False})


def ledger_row(
    session: AsyncSession, campaign: Campaign, send_id: UUID, contact_id: UUID, *, status: str, arm: Arm = "treatment", **rest: Any
) -> Values:
    """The row of a send that is being born; `rest` are columns of it."""
    born = birth(session, send_id, partition_key=f"{context_of(session).tenant_id}:{contact_id}")
    place = {"campaign_id": campaign.id, "contact_id": contact_id, "occurrence": 0, "channel": campaign.channel}
    return {**born, **UNTOUCHED, **place, "status": status, "arm": arm, **rest}


def handed_row(
    session: AsyncSession, campaign: Campaign, recipient: Claimed, *, status: str, cost_minor: int, code: int | None = None
) -> Values:
    """The row of a send whose message was handed to the provider, which took it (`sent`) or did not (`failed`)."""
    was_sent = status == "sent"
    return ledger_row(
        *(session, campaign, recipient.id, recipient.contact_id),
        status=status,
        code=code,
        sender_id=campaign.sender_id,
        template_id=campaign.template_id,
        consent_id=recipient.consent_id,
        lifecycle_then=recipient.lifecycle_then,
        address_hash=recipient.address_hash,
        cost_minor=cost_minor if was_sent else 0,
        sent_at=now(session) if was_sent else None,
    )


async def write_sends(session: AsyncSession, rows: Sequence[Values]) -> None:
    """Write rows of the ledger and their events: one statement each."""
    if not rows:
        return
    await session.execute(insert(Send.__table__), rows)  # type: ignore[arg-type]
    facts = []
    for row in rows:
        written = Written(row["id"], row["version"], row["partition_key"], row["updated_at"])
        facts.append((written, EVENTS[row["status"]](state=SendState.model_validate(row)), None))
    await record_many(session, facts)
