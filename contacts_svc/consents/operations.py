"""Changing consents, one or many by the same steps: granting, confirming, withdrawing, and what time does. Asking is beside it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from contacts_svc.consent_purposes.models import ConsentPurpose
from contacts_svc.consent_purposes.queries import find_purposes
from contacts_svc.consent_purposes.rules import wording_asked
from services.contracts import Event
from services.database import context_of, now
from services.deliveries import Delivery
from services.errors import NotFound
from services.events.contacts import ConsentExpired, ConsentGranted, ConsentProof, ConsentState, ConsentWithdrawn
from services.jobs import Work
from services.outbox import Written, record_many
from services.timers import arm_by

from . import rules
from .models import Consent, ConsentStep
from .queries import STEP
from .schemas import ConsentCreate, ConsentGrant, ConsentWithdrawal

Values = dict[str, Any]
Move = tuple[Values, Values, Event]
"""A locked row as it is and as it becomes, and the event that tells of it."""

DUE_JOB = "consents_due"
AT_A_TIME = 500
NO_LONGER: Mapping[str, Any] = {"proof": None, "expires_at": None, "due_at": None}
_CHANGEABLE = (*STEP, "version", "updated_at")
_UPDATE = (
    update(Consent.__table__)  # type: ignore[arg-type]
    .where(Consent.__table__.c.id == bindparam("row_id"))
    .values({name: bindparam(f"new_{name}", type_=Consent.__table__.c[name].type) for name in _CHANGEABLE})
)


def state_of(row: Mapping[str, Any] | Consent) -> ConsentState:
    """The public state of a consent or of its row."""
    return ConsentState.model_validate(row)


async def lock_consents(session: AsyncSession, *such: Any) -> list[Values]:
    """The rows for which `such` conditions hold, locked in the order of their ids."""
    table = Consent.__table__
    rows = await session.execute(select(table).where(*such).order_by(table.c.id).with_for_update())
    return [dict(row) for row in rows.mappings()]


async def lock_consent(session: AsyncSession, consent_id: UUID) -> Values:
    """The row of a consent, locked. Raises NotFound."""
    rows = await lock_consents(session, Consent.id == consent_id)
    if not rows:
        raise NotFound(f"There is no consent {consent_id}")
    return rows[0]


def moved(session: AsyncSession, row: Values, **changes: Any) -> Values:
    """The row as it is after the changes, one version on."""
    return row | changes | {"version": row["version"] + 1, "updated_at": max(now(session), row["updated_at"])}


async def write_moves(session: AsyncSession, moves: Sequence[Move]) -> None:
    """Write changes of locked rows with their steps and events, and see to their timers."""
    if not moves:
        return
    rows = [{"row_id": after["id"]} | {f"new_{name}": after[name] for name in _CHANGEABLE} for _, after, _ in moves]
    await session.execute(_UPDATE, rows)
    await tell(session, [(after, fact.model_copy(update={"changed": _changed(before, after)})) for before, after, fact in moves])


async def tell(session: AsyncSession, facts: Sequence[tuple[Values, Event]]) -> None:
    """Remember the step of each written row, publish its event, and have the timer ring when the first of them is due."""
    if not facts:
        return
    tenant_id = context_of(session).tenant_id
    steps = [
        {"tenant_id": tenant_id, "consent_id": row["id"], "version": row["version"], "recorded_at": row["updated_at"]}
        | {name: row[name] for name in STEP}
        for row, _ in facts
    ]
    await session.execute(insert(ConsentStep.__table__), steps)  # type: ignore[arg-type]
    written = [Written(row["id"], row["version"], row["partition_key"], row["updated_at"]) for row, _ in facts]
    await record_many(session, [(row, fact, None) for row, (_, fact) in zip(written, facts, strict=True)])
    due = [row["due_at"] for row, _ in facts if row["due_at"] is not None]
    if due:
        await arm_by(session, DUE_JOB, "all", due=min(due))


def _changed(before: Values, after: Values) -> list[str]:
    return sorted(name for name in STEP if name != "due_at" and before[name] != after[name])


async def grant_consent(session: AsyncSession, consent_id: UUID, body: ConsentGrant) -> Consent:
    """Grant by a proof. Raises NotFound, WrongState, Invalid, NewProofNeeded."""
    row = await lock_consent(session, consent_id)
    status = rules.check_move("grant", row["status"])
    purpose = (await find_purposes(session, [row["purpose"]]))[row["purpose"]]
    values = granted_values(body, purpose, row["wording_language"], now=now(session), since=withdrawn_at(row))
    return await _write(session, row, {**values, "status": status}, ConsentGranted)


async def confirm_consent(session: AsyncSession, row: Values) -> Consent:
    """Grant a locked request, which its contact confirms now. Raises WrongState."""
    status = rules.check_move("confirm", row["status"])
    purpose = (await find_purposes(session, [row["purpose"]]))[row["purpose"]]
    at = now(session)
    end = rules.end_of(None, purpose.valid_days, now=at)
    proof = ConsentProof(kind="confirmation", at=at).model_dump(mode="json")
    return await _write(session, row, {"status": status, "proof": proof, "expires_at": end, "due_at": end}, ConsentGranted)


async def withdraw_consent(session: AsyncSession, consent_id: UUID, body: ConsentWithdrawal) -> Consent:
    """Withdraw. Raises NotFound, WrongState."""
    row = await lock_consent(session, consent_id)
    rules.check_move("withdraw", row["status"])
    (after,) = await withdraw_consents(session, [row], source=body.source, reason_code=body.reason_code)
    return Consent(**after)


async def withdraw_consents(session: AsyncSession, rows: Sequence[Values], *, source: str, **why: Any) -> list[Values]:
    """Withdraw locked rows that are granted; `why` is what the event says of it. Answers the rows after it."""
    afters = [moved(session, row, **NO_LONGER, status=rules.check_move("withdraw", row["status"]), source=source) for row in rows]
    facts = [ConsentWithdrawn(state=state_of(after), **why) for after in afters]
    await write_moves(session, list(zip(rows, afters, facts, strict=True)))
    return afters


async def on_unsubscribed(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Withdraw what contacts agreed to for the purpose and channel by which they unsubscribed, or for the one topic that they named."""
    last: dict[UUID, Any] = {}
    for delivery in deliveries:
        state: Any = delivery.event.state
        such = [Consent.contact_id == state.contact_id, Consent.purpose == state.purpose, Consent.channel == state.channel]
        such += [Consent.topic_id == state.topic_id] if state.topic_id is not None else []
        found = await session.scalars(select(Consent.id).where(*such, Consent.status == "granted"))
        last |= dict.fromkeys(found, state)
    rows = await lock_consents(session, Consent.id.in_(last), Consent.status == "granted")
    afters = [moved(session, row, **NO_LONGER, status="withdrawn", source="unsubscribe") for row in rows]
    facts = [ConsentWithdrawn(state=state_of(after), campaign_id=last[after["id"]].campaign_id) for after in afters]
    await write_moves(session, list(zip(rows, afters, facts, strict=True)))


async def pass_time(session: AsyncSession, work: Work) -> dict[str, int]:
    """The job: let the requests lapse that nobody confirmed in time, end the consents whose end has come, and wait for the next of them."""
    counts = {"read": 0, "accepted": 0, "rejected": 0, "skipped": 0}
    at = now(session)
    such = Consent.id.in_(select(Consent.id).where(Consent.due_at <= at).order_by(Consent.due_at).limit(AT_A_TIME))
    rows = await lock_consents(session, such, Consent.due_at <= at)
    afters = [moved(session, row, status=rules.time_passes(row["status"]), due_at=None) for row in rows]
    facts = [ConsentExpired(state=state_of(after)) for after in afters]
    await write_moves(session, list(zip(rows, afters, facts, strict=True)))
    next_due = await session.scalar(select(func.min(Consent.due_at)))
    if next_due is not None:
        await arm_by(session, work.kind, work.key, due=next_due)
    return counts | {"read": len(rows), "accepted": len(rows)}


def granted_values(
    body: ConsentGrant | ConsentCreate,
    purpose: ConsentPurpose,
    language: str | None,
    *,
    now: datetime,
    since: datetime | None = None,
) -> Values:
    """What a grant by proof writes. Raises Invalid, NewProofNeeded."""
    proof = ConsentProof.model_validate(body.proof) if body.proof is not None else None
    rules.check_proof(proof.at if proof else None, now=now, withdrawn_at=since)
    rules.check_end(body.expires_at, now=now)
    assert proof is not None
    end = rules.end_of(body.expires_at, purpose.valid_days, now=now)
    return words(body, purpose, language) | {"proof": proof.model_dump(mode="json"), "expires_at": end, "due_at": end}


def words(body: ConsentGrant | ConsentCreate, purpose: ConsentPurpose, language: str | None) -> Values:
    """Which wording a contact who speaks `language` is asked by, and where the word comes from. Raises Invalid."""
    wording = wording_asked(purpose.wordings, body.language or language, body.wording_version)
    named = {"wording_version": wording["version"], "wording_language": wording["language"]}
    return named | {"source": body.source, "address_seen": body.address_seen}


def withdrawn_at(row: Values) -> datetime | None:
    """When a consent that is withdrawn was: nothing has changed it since."""
    at: datetime = row["updated_at"]
    return at if row["status"] == "withdrawn" else None


async def _write(session: AsyncSession, row: Values, changes: Values, fact: type[ConsentGranted]) -> Consent:
    after = moved(session, row, **changes)
    await write_moves(session, [(row, after, fact(state=state_of(after)))])
    return Consent(**after)
