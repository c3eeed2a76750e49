"""References: what a service keeps of the contacts, consents and scores of others, name-free, from their events.

The one place beside `services/events/` where the kit speaks of a noun, because several services need the very same. Filters ask for
the FIELDS below. Consents are the set `consents`, whose members are `purpose/channel/status`, and `purpose/channel/topic_id/status`
for a consent to one topic: `consents:"news/email/granted" AND NOT consents:"ads/email/withdrawn"`; `consents = null` is who has none.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Index, Text, Uuid, any_, bindparam, false, select, type_coerce
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import operators

from services.database import Base
from services.deliveries import Delivery
from services.filters import Field, FilterFields, Record
from services.filters.terms import parse_id


class ContactReference(Base):
    """A contact as another service knows it: whose it is, how it stands, and what analytics last said of it.

    What stands in an event may come in any order between contact and score, so every other column may be null. `survivor_id` is the
    contact that took this one over.
    """

    __tablename__ = "contact_reference"
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str | None]
    owner_id: Mapped[UUID | None]
    lifecycle: Mapped[str | None]
    country: Mapped[str | None]
    language: Mapped[str | None]
    archived_at: Mapped[datetime | None]
    survivor_id: Mapped[UUID | None]
    lifetime_value_minor: Mapped[int | None]
    currency: Mapped[str | None]
    scored_at: Mapped[datetime | None]
    tier: Mapped[str | None]
    churn_bps: Mapped[int | None]
    value_at_risk_minor: Mapped[int | None]


class ConsentReference(Base):
    """A consent as another service knows it: how one contact stands to one purpose, channel and (where there is one) topic."""

    __tablename__ = "consent_reference"
    __table_args__ = (
        Index("ix_consent_reference_contact", "tenant_id", "contact_id"),
        Index("ix_consent_reference_status", "tenant_id", "purpose", "channel", "status", "contact_id"),
    )
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    consent_id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID]
    purpose: Mapped[str]
    channel: Mapped[str]
    topic_id: Mapped[UUID | None]
    status: Mapped[str]
    changed_at: Mapped[datetime]


FIND = select(ContactReference).where(ContactReference.contact_id == any_(bindparam("ids", type_=ARRAY(Uuid))))
FIND_CONSENTS = (
    select(ConsentReference)
    .where(ConsentReference.contact_id == any_(bindparam("ids", type_=ARRAY(Uuid))))
    .order_by(ConsentReference.consent_id)
)
CONTACT_FIELDS = ("kind", "owner_id", "lifecycle", "country", "language", "archived_at")
SCORE_FIELDS = ("lifetime_value_minor", "currency", "scored_at", "tier", "churn_bps", "value_at_risk_minor")
CONSENT_FIELDS = ("contact_id", "purpose", "channel", "topic_id", "status")


async def on_contact(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Keep the public state of each contact after its latest event."""
    await _keep(session, deliveries, CONTACT_FIELDS)


async def on_scored(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Keep the latest score of each customer; the score may arrive before the contact does."""
    await _keep(session, deliveries, SCORE_FIELDS)


async def on_consent(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Keep each consent as it stands after its latest event; it may arrive before its contact does."""
    rows = []
    for delivery in _latest(deliveries):
        state: Any = delivery.event.state
        row = {name: getattr(state, name) for name in CONSENT_FIELDS}
        identity = {"tenant_id": delivery.envelope.tenant_id, "consent_id": state.id, "changed_at": delivery.envelope.recorded_at}
        rows.append(identity | row)
    statement = insert(ConsentReference)
    kept = {name: statement.excluded[name] for name in (*CONSENT_FIELDS, "changed_at")}
    statement = statement.on_conflict_do_update(index_elements=[ConsentReference.tenant_id, ConsentReference.consent_id], set_=kept)
    await session.execute(statement, sorted(rows, key=lambda row: row["consent_id"]))


async def find_references(session: AsyncSession, contact_ids: Iterable[UUID]) -> Mapping[UUID, ContactReference]:
    """What is known of each contact; one of whom nothing was heard yet is not in the answer."""
    found = await session.scalars(FIND, {"ids": list(set(contact_ids))})
    return {reference.contact_id: reference for reference in found}


async def find_consents(session: AsyncSession, contact_ids: Iterable[UUID]) -> Mapping[UUID, Sequence[ConsentReference]]:
    """The consents of each contact that has any, in the order of their ids."""
    found: dict[UUID, list[ConsentReference]] = {}
    for consent in await session.scalars(FIND_CONSENTS, {"ids": list(set(contact_ids))}):
        found.setdefault(consent.contact_id, []).append(consent)
    return found


def _latest(deliveries: Sequence[Delivery]) -> Iterable[Delivery]:
    """The last event of each subject: deliveries come in the order of their subject, so nothing older can overwrite it."""
    return {delivery.envelope.subject: delivery for delivery in deliveries}.values()


async def _keep(session: AsyncSession, deliveries: Sequence[Delivery], fields: Sequence[str]) -> None:
    rows = []
    for delivery in _latest(deliveries):
        state = delivery.event.state
        row = {name: getattr(state, name) for name in fields}
        rows.append(row | {"contact_id": state.id, "tenant_id": delivery.envelope.tenant_id})
    statement = insert(ContactReference)
    statement = statement.on_conflict_do_update(
        index_elements=[ContactReference.tenant_id, ContactReference.contact_id], set_={name: statement.excluded[name] for name in fields}
    )
    await session.execute(statement, sorted(rows, key=lambda row: row["contact_id"]))


class ConsentSet(ARRAY[Any]):
    """The type under which filters see the consents of a contact: a set whose membership is asked of `consent_reference`."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(Text())

    class Comparator(ARRAY.Comparator[Any]):
        def operate(self, op: Any, *other: Any, **options: Any) -> ColumnElement[Any]:
            """`@>` has the member; `IS` and `IS NOT` (NULL) has none at all."""
            bearers = select(ConsentReference.contact_id)
            if op in (operators.is_, operators.is_not):
                bears_any = ContactReference.contact_id.in_(bearers)
                return ~bears_any if op is operators.is_ else bears_any
            (members,) = other
            is_such = _is_such(members.value[0])
            return false() if is_such is None else ContactReference.contact_id.in_(bearers.where(*is_such))

    comparator_factory = Comparator


def _is_such(member: str) -> Sequence[ColumnElement[bool]] | None:
    """What holds for the consents that a member names; None where no consent can have that name."""
    parts = member.split("/")
    if len(parts) not in (3, 4):
        return None
    topic_id = parse_id(parts[2]) if len(parts) == 4 else None
    if len(parts) == 4 and str(topic_id) != parts[2]:
        return None
    consent = ConsentReference
    of_topic = consent.topic_id.is_(None) if topic_id is None else consent.topic_id == topic_id
    return consent.purpose == parts[0], consent.channel == parts[1], of_topic, consent.status == parts[-1]


FIELDS: FilterFields = {
    "contact_id": Field("id", ContactReference.contact_id),
    "kind": Field("choice", ContactReference.kind),
    "lifecycle": Field("choice", ContactReference.lifecycle),
    "owner_id": Field("id", ContactReference.owner_id),
    "country": Field("choice", ContactReference.country),
    "language": Field("choice", ContactReference.language),
    "archived_at": Field("instant", ContactReference.archived_at),
    "tier": Field("choice", ContactReference.tier),
    "lifetime_value_minor": Field("number", ContactReference.lifetime_value_minor),
    "churn_bps": Field("number", ContactReference.churn_bps),
    "value_at_risk_minor": Field("number", ContactReference.value_at_risk_minor),
    "currency": Field("choice", ContactReference.currency),
    "scored_at": Field("instant", ContactReference.scored_at),
    "consents": Field("tags", type_coerce(ContactReference.contact_id, ConsentSet())),
}


def as_record(reference: ContactReference, consents: Iterable[ConsentReference] = ()) -> Record:
    """The reference as the predicate of a filter over FIELDS reads it."""
    members = [consent_member(consent) for consent in consents]
    return {name: getattr(reference, name) for name in FIELDS if name != "consents"} | {"consents": members or None}


def consent_member(consent: ConsentReference) -> str:
    """How a consent is named in the set `consents`."""
    parts = (consent.purpose, consent.channel, consent.topic_id, consent.status)
    return "/".join(str(part) for part in parts if part is not None)
